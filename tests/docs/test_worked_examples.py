"""docs/worked-examples.md says nothing that the product would not work out."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
import yaml

from tests.architecture.sources import text_of
from tests.docs.worked import work_out
from tests.docs.worked_blocks import Block, is_right

DOCUMENT = "docs/worked-examples.md"
_EXAMPLE = re.compile(r"^### (\d+)\. (.+?)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True, kw_only=True)
class Example:
    number: int
    title: str
    prose: str
    block: str

    @property
    def parts(self) -> Block:
        """Every number stays text: 0.40 is no float."""
        loaded: Block = yaml.load(self.block, yaml.BaseLoader)  # noqa: S506  text alone
        return loaded


def _examples() -> list[Example]:
    examples = []
    for number, title, body in _EXAMPLE.findall(text_of(DOCUMENT)):
        (block,) = _BLOCK.findall(body)
        prose = f"{title}\n{_BLOCK.sub('', body)}"
        examples.append(
            Example(number=int(number), title=title, prose=prose, block=block)
        )
    return examples


EXAMPLES = _examples()
STORIES = [example for example in EXAMPLES if "story" in example.parts["given"]]
SUMS = [example for example in EXAMPLES if example not in STORIES]


def _numbers(text: str) -> set[Decimal]:
    return {
        Decimal(found.rstrip(",").replace(",", "")) for found in _NUMBER.findall(text)
    }


def _agrees(said: Any, found: Any) -> bool:
    """`said` may leave out what it does not speak of, but no line of a list."""
    if isinstance(said, dict):
        return isinstance(found, dict) and all(
            key in found and _agrees(value, found[key]) for key, value in said.items()
        )
    if isinstance(said, list):
        return len(said) == len(found) and all(map(_agrees, said, found))
    return bool(said == found)


@pytest.mark.parametrize("example", SUMS, ids=lambda one: str(one.number))
def test_it_works(example):
    _check(example)


@pytest.mark.django_db
@pytest.mark.parametrize("example", STORIES, ids=lambda one: str(one.number))
def test_it_works_through_the_books(example):
    _check(example)


def _check(example: Example) -> None:
    given, then = example.parts["given"], example.parts["then"]
    found = work_out(given)
    assert then
    assert _agrees(then, found), found
    assert all(is_right(equation) for equation in example.parts.get("also", []))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: str(one.number))
def test_every_number_of_the_story_is_worked_out(example):
    assert _numbers(example.prose) - _numbers(example.block) == set()


def test_they_are_numbered_and_many():
    assert [one.number for one in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))
    assert len(EXAMPLES) >= 25
    assert len(STORIES) >= 5
    assert len({one.title for one in EXAMPLES}) == len(EXAMPLES)


def test_a_wrong_number_is_noticed():
    """Else the tests above could not fail."""
    example = EXAMPLES[0]
    then = example.parts["then"]
    assert not _agrees({**then, "total": "99.99"}, work_out(example.parts["given"]))
    assert not _agrees({"lines": []}, work_out(example.parts["given"]))
    assert not is_right("20.80 * 0.19 = 3.95")
    with pytest.raises(AssertionError):
        work_out({**example.parts["given"], "nobody reads": "1"})
