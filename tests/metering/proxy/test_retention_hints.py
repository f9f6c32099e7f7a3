"""What `cache_control` and its like ask for."""

from typing import Any

import msgspec
import pytest

from inference.domain.lease_terms import Tier
from metering.proxy.errors import RefusedError
from metering.proxy.transform.retention_hints import read_hint
from tests.metering.proxy.parsed import parsed

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
FIVE_MINUTES, HALF_AN_HOUR, HOUR = 300_000, 1_800_000, 3_600_000
EPHEMERAL = {"type": "ephemeral"}
FOR_AN_HOUR = EPHEMERAL | {"ttl": "1h"}
HERE = {"mode": "explicit"}


def text(of: str = "Hi.", **mark: Any) -> dict[str, Any]:
    return {"type": "text", "text": of, **mark}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def hint(path: str = MESSAGES, **fields: Any):
    given = {"messages": [user(text())]} if path != RESPONSES else {}
    return read_hint(parsed(path, **given | fields).raw)


def prefix(path: str = MESSAGES, **fields: Any):
    found = hint(path, **fields)
    assert found is not None
    if found.prefix is None:
        return None
    names = ("tools", "system", "messages", "input")
    return {
        name: msgspec.json.decode(found.prefix[name])
        for name in names
        if name in found.prefix
    }


@pytest.mark.parametrize(
    ("path", "fields", "ttl_ms", "tier"),
    [
        (MESSAGES, {"cache_control": EPHEMERAL}, FIVE_MINUTES, Tier.AUTO),
        (MESSAGES, {"cache_control": FOR_AN_HOUR}, HOUR, Tier.AUTO),
        (
            CHAT,
            {"messages": [user(text(cache_control=EPHEMERAL))]},
            FIVE_MINUTES,
            Tier.AUTO,
        ),
        (CHAT, {"prompt_cache_options": {}}, HALF_AN_HOUR, Tier.HOST),
        (CHAT, {"prompt_cache_options": {"ttl": "12h"}}, 12 * HOUR, Tier.HOST),
        (CHAT, {"prompt_cache_retention": "in_memory"}, FIVE_MINUTES, Tier.HOST),
        (
            RESPONSES,
            {"input": "Hi.", "prompt_cache_retention": "24h"},
            24 * HOUR,
            Tier.HOST,
        ),
    ],
)
def test_it_works(path, fields, ttl_ms, tier):
    found = hint(path, **fields)
    assert (found.asked.ttl_ms, found.asked.tier) == (ttl_ms, tier)
    assert (found.prefix, found.refused, found.asked.is_chosen) == (None, "", False)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cache_control": None},
        {"system": 'Say "cache_control" aloud.'},
        {"prompt_cache_options": None, "prompt_cache_retention": None},
        {"prompt_cache_options": {"mode": "explicit"}},
        {"messages": [user(text(cache_control=None))]},
        {"messages": ["cache_control"]},
    ],
)
def test_a_call_without_one_asks_for_nothing(fields):
    assert hint(**fields) is None


def test_a_breakpoint_is_where_its_block_ends():
    mark: dict[str, Any] = {"cache_control": EPHEMERAL}
    system = [text("Be terse."), text("Be kind.", **mark), text("Now.")]
    assert prefix(system=system) == {"system": system_of(system[:2]), "messages": []}
    messages = [user(text("A")), user(text("B", **mark), text("C")), user(text("D"))]
    assert prefix(system="S", messages=messages) == {
        "system": "S",
        "messages": [user(text("A")), user(text("B"))],
    }


def system_of(blocks: Any) -> Any:
    return [text(block["text"]) for block in blocks]


def test_the_last_of_several_breakpoints_counts():
    """It holds what the others hold, and more."""
    mark: dict[str, Any] = {"cache_control": EPHEMERAL}
    tool = {"name": "f", "input_schema": {}}
    messages = [user(text("A", **mark)), user(text("B"))]
    found = prefix(tools=[tool | mark], system=[text(**mark)], messages=messages)
    assert found == {
        "tools": [tool],
        "system": [text()],
        "messages": [user(text("A"))],
    }
    found = prefix(tools=[tool | mark, tool], system="S")
    assert found == {"tools": [tool], "messages": []}


def test_a_breakpoint_at_the_end_leases_the_turn():
    mark: dict[str, Any] = {"cache_control": EPHEMERAL}
    assert prefix(system=[text(**mark)], messages=[user(text(**mark))]) is None
    assert prefix(system=[text(**mark)], cache_control=EPHEMERAL) is None


def test_openais_breakpoints_lease_to_the_last_of_them():
    mark: dict[str, Any] = {"prompt_cache_breakpoint": HERE}
    messages = [user(text("A", **mark)), user(text("B"))]
    expected = {"messages": [user(text("A"))]}
    assert prefix(CHAT, messages=messages) == expected
    explicit = {"mode": "explicit", "ttl": "12h"}
    assert prefix(CHAT, messages=messages, prompt_cache_options=explicit) == expected
    found = hint(CHAT, messages=messages, prompt_cache_options=explicit)
    assert found.asked.ttl_ms == 12 * HOUR
    # The implicit one at the end as well.
    assert prefix(CHAT, messages=messages, prompt_cache_options={}) is None
    items = [user({"type": "input_text", "text": "A", **mark}), user()]
    found = prefix(RESPONSES, input=items)
    assert found["input"] == [user({"type": "input_text", "text": "A"})]


def test_several_times_are_no_lease():
    """One that ends with either would be less or more than was said."""
    messages = [user(text(cache_control=EPHEMERAL))]
    found = hint(system=[text(cache_control=FOR_AN_HOUR)], messages=messages)
    assert found.refused == "mixed_ttls"
    mark: dict[str, Any] = {"prompt_cache_breakpoint": HERE | {"ttl": "12h"}}
    found = hint(CHAT, messages=[user(text(**mark))], prompt_cache_options={})
    assert found.refused == "mixed_ttls"


@pytest.mark.parametrize(
    "fields",
    [
        {"cache_control": {"type": "persistent"}},
        {"cache_control": EPHEMERAL | {"ttl": "2h"}},
        {"system": [text(cache_control={"ttl": "5m"})]},
        {"system": [text(cache_control=True)]},
        {"prompt_cache_options": {"mode": "both"}},
        {"prompt_cache_options": {"ttl": "soon"}},
        {"prompt_cache_options": {"ttl": "48h"}},
        {"prompt_cache_retention": "48h"},
        {"messages": [user(text(prompt_cache_breakpoint={"mode": "implicit"}))]},
    ],
)
def test_it_refuses_what_no_such_api_knows(fields):
    with pytest.raises((msgspec.ValidationError, RefusedError)):
        hint(**fields)
