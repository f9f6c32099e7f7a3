"""Every link in a document leads somewhere, without leaving the repository."""

import re

import pytest

from tests.architecture.sources import REPOSITORY, text_of
from tests.docs.documents import documents

_LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE_BLOCK = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def _links(name: str) -> list[str]:
    return _LINK.findall(_CODE_BLOCK.sub("", text_of(name)))


def _anchors(name: str) -> set[str]:
    """As a forge makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", text_of(name), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")
        for title in titles
    }


@pytest.mark.parametrize("name", documents())
def test_every_link_resolves(name):
    broken = []
    for link in _links(name):
        path, _, anchor = link.partition("#")
        target = (REPOSITORY / name).parent / path if path else REPOSITORY / name
        if "://" in path or not target.exists():
            broken.append(link)
        elif anchor:
            document = str(target.resolve().relative_to(REPOSITORY))
            if anchor not in _anchors(document):
                broken.append(link)
    assert broken == []


def test_there_are_links():
    assert len(_links("README.md")) > 10


def test_every_decision_is_listed_and_numbered():
    decisions = sorted((REPOSITORY / "docs/decisions").glob("0*.md"))
    listed = {link for link in _links("docs/decisions/README.md") if link[0] == "0"}
    assert listed == {path.name for path in decisions}
    numbers = [path.name[:4] for path in decisions]
    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]
    for path in decisions:
        assert path.read_text().startswith(f"# {path.name[:4]} ")


@pytest.mark.parametrize(
    "part", ["## Problem", "## Options", "## Decision", "## What would change our mind"]
)
def test_every_decision_has_its_parts(part):
    without = [
        path.name
        for path in (REPOSITORY / "docs/decisions").glob("0*.md")
        if part not in path.read_text()
    ]
    assert without == []


def test_every_picture_is_small_and_shown():
    shown = {link for link in _links("README.md") if link.endswith(".png")}
    linked = {f"docs/{link}" for link in _links("docs/operations.md")}
    pictures = list((REPOSITORY / "docs/screenshots").iterdir())
    names = {str(path.relative_to(REPOSITORY)) for path in pictures}
    assert len(shown) == 3
    assert shown <= names
    assert names <= shown | linked
    assert all(path.stat().st_size < 200_000 for path in pictures)
