"""What holds in every dialect alike: caches, salts, counters, framing."""

import json
import re
import uuid

import pytest

from tests.engine_contract.dialects import MESSAGES, RESPONSES, both_dialects
from tests.engine_contract.engines import grown

BLOCK = 32


def check_counters(before, after, costs):
    """The counters have grown by what the answers told."""
    prompt = sum(cost.prompt for cost in costs)
    cached = sum(cost.cached for cost in costs)
    assert grown(before, after, "prompt_tokens") == prompt
    sources = {"local_compute": prompt - cached, "local_cache_hit": cached}
    for source, tokens in sources.items():
        found = grown(before, after, "prompt_tokens_by_source", source=source)
        assert found == tokens
    output = sum(cost.output for cost in costs)
    assert grown(before, after, "generation_tokens") == output


@both_dialects
def test_usage_and_counters_agree(engine, new_prompt, dialect):
    before = engine.idle_counters()
    prompt = new_prompt()
    costs = [dialect.cost(engine, prompt, ceiling) for ceiling in (3, 5)]
    costs.append(dialect.streamed_cost(dialect.stream(engine, prompt, 4)))
    assert costs[-1].cached > 0
    check_counters(before, engine.idle_counters(), costs)


@both_dialects
def test_the_prompt_is_cached_written_or_a_tail(engine, new_prompt, dialect):
    prompt = new_prompt()
    for _ in range(2):
        cost = dialect.cost(engine, prompt, 1)
        assert 0 <= cost.prompt - cost.cached - cost.written < BLOCK
        assert cost.cached % BLOCK == cost.written % BLOCK == 0


@both_dialects
def test_a_salt_finds_its_own_alone(engine, new_prompt, dialect):
    prompt, mine, other = new_prompt(), uuid.uuid4().hex, uuid.uuid4().hex
    before = engine.idle_counters()
    costs = [
        dialect.cost(engine, prompt, 1, cache_salt=salt) for salt in (mine, mine, other)
    ]
    costs.append(dialect.cost(engine, prompt, 1))
    whole = (costs[0].prompt - 1) // BLOCK * BLOCK
    assert [cost.cached for cost in costs[:3]] == [0, whole, 0]
    # Without a salt at most the system prompt, which other cases share.
    assert costs[3].cached <= BLOCK
    check_counters(before, engine.idle_counters(), costs)


def test_dialects_share_what_one_salt_has_read(engine, new_prompt):
    prompt, salt = new_prompt(), uuid.uuid4().hex
    first = RESPONSES.cost(engine, prompt, 1, cache_salt=salt)
    second = MESSAGES.cost(engine, prompt, 1, cache_salt=salt)
    usage = engine.chat(prompt, max_tokens=1, cache_salt=salt)["usage"]
    third = usage["prompt_tokens_details"]["cached_tokens"]
    assert first.cached == 0
    assert second.cached == third == (first.prompt - 1) // BLOCK * BLOCK


@both_dialects
def test_text_that_is_held_back_has_fewer_deltas_than_tokens(engine, dialect):
    """Events are no count of tokens: a long stop string holds text back."""
    name = "stop" if dialect is RESPONSES else "stop_sequences"
    fields = {name: ["a zebra crossing that never comes"]}
    events = dialect.stream(engine, "Tell me of the sea.", 40, **fields)
    deltas = [event for event in events if event["type"].endswith("delta")]
    assert len(deltas) < dialect.streamed_cost(events).output


@both_dialects
def test_each_event_is_a_chunk_of_its_own(engine, dialect):
    body = json.dumps(
        {"model": engine.model, "stream": True} | dialect.body("Hello", 3)
    )
    answer = engine.raw(
        f"POST {dialect.path} HTTP/1.1\r\nhost: engine\r\n"
        f"authorization: Bearer {engine.key}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode()
    )
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"content-type: text/event-stream; charset=utf-8" in head
    chunks = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        chunks.append(rest[:length])
        assert rest[length : length + 2] == b"\r\n"
        rest = rest[length + 2 :]
    *events, end = chunks
    assert end == b""
    # No `[DONE]` here: the last event is the end.
    for event in events:
        assert re.fullmatch(rb"event: [a-z_.]+\ndata: \{[^\n]*\}\n\n", event)


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/images/generations"])
def test_other_tasks_do_not_exist(engine, path):
    answer = engine.post(path, {"input": "x", "prompt": "x"})
    assert answer.status_code == 404
    assert answer.json() == {"detail": "Not Found"}
