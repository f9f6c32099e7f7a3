"""Leases that a turn continues without naming them."""

import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from metering.proxy.lease_finding import said_in
from tests.metering.proxy.conftest import until
from tests.metering.proxy.parsed import parsed
from tests.metering.proxy.talk import SYSTEM, Talk, forget_leases


@pytest.fixture(autouse=True)
def no_leases(request):
    if "plane" in request.fixturenames:
        forget_leases(request.getfixturevalue("plane"))


class Unnamed(Talk):
    """A client that knows nothing of leases but `kv_retention`."""

    def turn(self, says, **fields):
        found = super().turn(says, **fields)
        self.lease = None
        return found


@pytest.fixture
def talk(plane):
    return Unnamed(plane)


def test_it_works(plane, talk):
    leases = [talk.turn(says)["kv_lease"] for says in ("Hi.", "Ho.", "And?")]
    assert leases[0]["previous"] is None
    for before, after in itertools.pairwise(leases):
        assert after["previous"]["id"] == before["id"]
        assert after["previous"]["outcome"] == "reused"
        assert after["previous"]["leased_tokens"] == before["tokens"]
    assert [one.leased_input_tokens for one in plane.events()[-3:]] == [
        0,
        leases[0]["tokens"],
        leases[1]["tokens"],
    ]


def test_a_late_turn_is_told_what_expired(talk):
    talk.retention = {"timeout": "0.001s"}
    first = talk.turn("Hi.")["kv_lease"]
    expires_at = datetime.fromisoformat(first["expires_at"])
    until(lambda: datetime.now(UTC) > expires_at + timedelta(milliseconds=1))
    told = talk.turn("Ho.")["kv_lease"]["previous"]
    assert (told["id"], told["outcome"]) == (first["id"], "expired")
    assert told["leased_tokens"] == 0


def test_a_turn_that_asks_for_nothing_does_not_look(talk):
    talk.turn("Hi.")
    assert "kv_lease" not in talk.turn("Ho.", kv_retention=None)


def test_a_lease_that_was_continued_is_not_found_again(talk):
    talk.turn("Hi.")
    messages = list(talk.messages)
    assert talk.turn("Ho.")["kv_lease"]["previous"]
    talk.messages = messages
    assert talk.turn("Or so.")["kv_lease"]["previous"] is None


@pytest.mark.parametrize(
    "other", [{"tenant_id": 2, "project_id": 21}, {"project_id": 12}]
)
def test_strangers_find_nothing(plane, talk, other):
    talk.turn("Hi.")
    talk.secret = plane.add_key(**other)
    until(lambda: talk.post(talk.body("?")).status_code == 200)
    assert talk.turn("Ho.")["kv_lease"]["previous"] is None


def test_it_is_noted_as_long_as_the_lease_itself(plane, talk):
    talk.turn("Hi.")
    (key,) = plane.valkey.keys("tokenfab:lease_of:*")
    (row,) = plane.valkey.keys(f"tokenfab:lease:*{plane.valkey.get(key).decode()}")
    assert abs(plane.valkey.pttl(key) - plane.valkey.pttl(row)) < 1_000


@pytest.mark.parametrize("path", ["messages", "responses"])
def test_other_dialects_find_theirs(plane, path):
    name = "input" if path == "responses" else "messages"
    ceiling = "max_output_tokens" if path == "responses" else "max_tokens"
    items = [{"role": "user", "content": SYSTEM}]

    def turn():
        body = {
            "model": "default",
            name: items,
            ceiling: 20,
            "kv_retention": {"timeout": "1m"},
        }
        headers = {"authorization": f"Bearer {plane.secret}"}
        return plane.client.post(f"/v1/{path}", json=body, headers=headers).json()

    first = turn()
    if path == "responses":
        items += first["output"]
    else:
        items.append({"role": "assistant", "content": first["content"]})
    items.append({"role": "user", "content": "Go on."})
    told = turn()["kv_lease"]["previous"]
    assert (told["id"], told["outcome"]) == (first["kv_lease"]["id"], "reused")
    assert told["leased_tokens"] == first["kv_lease"]["tokens"]


# What is the same.


def said(*messages, path="/v1/chat/completions", model="m", **fields):
    name = "input" if path == "/v1/responses" else "messages"
    return said_in(parsed(path, **{name: list(messages)}, **fields), model=model)


def user(text="Hi.", **fields):
    return {"role": "user", "content": text, **fields}


def answer(text="Ho."):
    return {"role": "assistant", "content": text}


def test_what_stands_before_the_last_answer_is_the_turn_before():
    first = said(user())
    second = said(user(), answer(), user("And?"))
    third = said(user(), answer(), user("And?"), answer("So."), user("Or?"))
    assert first.before == ""
    assert second.before == first.digest
    assert third.before == second.digest
    assert len({first.digest, second.digest, third.digest}) == 3


def test_results_of_tools_follow_the_answer_that_called_them():
    call: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": []}
    result = {"role": "tool", "content": "4", "tool_call_id": "c"}
    assert said(user(), call, result).before == said(user()).digest


def test_an_answer_may_be_several_items():
    def respond(*items):
        return said(*items, path="/v1/responses")

    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "c", "output": "4"}
    reasoning = {"type": "reasoning", "summary": []}
    assert respond(user(), reasoning, call, result).before == respond(user()).digest


def test_a_text_is_the_same_as_a_list_with_it():
    parts = [{"type": "text", "text": "Hi.", "cache_control": {"type": "ephemeral"}}]
    assert said(user(parts)) == said(user("Hi."))
    request = parsed("/v1/responses", input="Hi.")
    assert said_in(request, model="m") == said(user(), path="/v1/responses")


def test_spaces_and_order_of_members_do_not_matter():
    assert said({"content": "Hi.", "role": "user"}) == said(user())


@pytest.mark.parametrize(
    "other",
    [
        {"model": "n"},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
    ],
)
def test_what_makes_another_prompt_matters(other):
    assert said(user(), **other).digest != said(user()).digest


def test_the_system_prompt_of_a_message_call_matters():
    path = "/v1/messages"
    assert said(user(), path=path, system="A") != said(user(), path=path, system="B")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/completions", {"prompt": "Hi."}),
        ("/v1/chat/completions", {"messages": [user("x" * 2**20)]}),
        ("/v1/chat/completions", {"messages": 17}),
        ("/v1/chat/completions", {"messages": {}}),
    ],
)
def test_it_looks_at_no_other_prompts(path, fields):
    assert said_in(parsed(path, **fields), model="m") is None


def test_a_long_conversation_takes_little_time():
    items = [user("word " * 500), answer("word " * 500)] * 100
    request = parsed("/v1/chat/completions", messages=[*items, user()])
    began = time.perf_counter()
    found = said_in(request, model="m")
    assert found is not None
    assert found.before
    assert time.perf_counter() - began < 0.2
