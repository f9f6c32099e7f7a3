"""Cached prompts found by name, by id and by what a body begins with."""

import json

import pytest
from msgspec import Raw

from inference.domain.prompt_digest import prompt_digest
from inference.wire import CachedPromptEntry
from metering.proxy.cached_prompt_index import CachedPromptIndex, PromptDigests
from tests.metering.proxy.limits_alone import policy

NOW_MS = 1_800_000_000_000
SYSTEM = {"role": "system", "content": "You are a clerk."}
FIRST = {"role": "user", "content": "Hello"}
TOOL = {"type": "function", "function": {"name": "look"}}


def entry(name="manual", messages=(SYSTEM,), tools=None, **changes):
    values = {
        "cached_prompt_id": name.encode().hex().ljust(32, "0"),
        "tenant_id": 1,
        "project_id": 11,
        "name": name,
        "model": "m",
        "token_count": 100,
        "messages": len(messages),
        "digest": prompt_digest(list(messages), tools),
        "expires_at_ms": NOW_MS + 1,
        "placements": (),
    }
    return CachedPromptEntry(**values | changes)


def body(*messages, **fields):
    raw = {"messages": list(messages)} | fields
    return {name: Raw(json.dumps(value).encode()) for name, value in raw.items()}


def index_of(*entries, digests=None):
    digests = PromptDigests() if digests is None else digests
    return CachedPromptIndex(entries, digests)


def recognized(entries, raw, *, by=None, model="m", at_ms=NOW_MS):
    found = index_of(*entries).recognize(by or policy(), model, raw, at_ms=at_ms)
    return found.name if found else None


def test_it_works():
    index = index_of(entry(), entry("other"))
    found = index.find(policy(), "manual", at_ms=NOW_MS)
    assert found is not None
    assert found.name == "manual"
    assert index.find(policy(), f"cp_{found.cached_prompt_id}", at_ms=NOW_MS) == found
    assert recognized([entry()], body(SYSTEM, FIRST)) == "manual"


@pytest.mark.parametrize("changes", [{"tenant_id": 2}, {"project_id": 12}])
def test_it_is_its_own_projects_alone(changes):
    index, stranger = index_of(entry()), policy(**changes)
    name = f"cp_{entry().cached_prompt_id}"
    assert index.find(stranger, "manual", at_ms=NOW_MS) is None
    assert index.find(stranger, name, at_ms=NOW_MS) is None
    assert recognized([entry()], body(SYSTEM), by=stranger) is None


def test_it_ends_when_it_expires():
    index = index_of(entry())
    assert index.find(policy(), "manual", at_ms=NOW_MS + 1) is None
    assert recognized([entry()], body(SYSTEM), at_ms=NOW_MS + 1) is None


def test_of_two_with_one_name_the_one_that_lives_longer_counts():
    older = entry(cached_prompt_id="a" * 32, expires_at_ms=NOW_MS)
    for some in ([entry(), older], [older, entry()]):
        found = index_of(*some).find(policy(), "manual", at_ms=NOW_MS)
        assert found == entry()


def test_the_longest_beginning_is_recognized():
    some = [entry(), entry("long", (SYSTEM, FIRST))]
    assert recognized(some, body(SYSTEM, FIRST)) == "long"
    assert recognized(some, body(SYSTEM, {**FIRST, "content": "Ho"})) == "manual"
    assert recognized(some, body(FIRST, SYSTEM)) is None
    assert recognized(some, body(SYSTEM, FIRST), model="n") is None


def test_tools_are_part_of_the_beginning():
    some = [entry(tools=[TOOL])]
    assert recognized(some, body(SYSTEM, tools=[TOOL])) == "manual"
    assert recognized(some, body(SYSTEM)) is None
    assert recognized([entry()], body(SYSTEM, tools=[TOOL])) is None
    assert recognized([entry()], body(SYSTEM, tools=None)) == "manual"
    assert recognized([entry()], body(SYSTEM, tools=[])) == "manual"


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"messages": Raw(b'"x"')},
        {"messages": Raw(b'[{"role":]')},
        {"messages": Raw(b"[" * 100_000 + b"]" * 100_000)},
        {"messages": Raw(b'["' + b"x" * 2**21 + b'"]')},
        body(SYSTEM, tools=7),
    ],
)
def test_it_recognizes_nothing_in_what_makes_no_sense(raw):
    assert recognized([entry()], raw) is None


def test_a_spelling_is_digested_once():
    digests = PromptDigests()
    for _ in range(3):
        index = index_of(entry(), digests=digests)
        raw = body(SYSTEM, FIRST)
        assert index.recognize(policy(), "m", raw, at_ms=NOW_MS) == entry()
    assert len(digests) == 1
