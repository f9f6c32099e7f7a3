import json
import re

import pytest

from tests.engine_contract.engines import ON_THEIR_WAY_MAX, wait_until

USAGE = {"include_usage": True, "continuous_usage_stats": True}


def test_it_works(engine):
    events = engine.stream_chat(
        "What is the capital of France?", max_tokens=6, ignore_eos=True
    )
    first, *middle, last, final = events
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert all(event["choices"][0]["finish_reason"] is None for event in middle)
    assert last["choices"][0]["finish_reason"] == "length"
    assert final["choices"] == []
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert len({event["id"] for event in events}) == 1


@pytest.mark.parametrize("options", [{}, {"stream_options": USAGE}])
def test_usage_rises_and_comes_last(engine, options):
    """With --enable-force-include-usage it comes even to those who did not ask."""
    events = engine.stream_chat("Hello", max_tokens=6, ignore_eos=True, **options)
    counts = [event["usage"]["completion_tokens"] for event in events]
    assert counts[0] == 0
    assert counts == sorted(counts)
    assert counts[-1] == 6
    prompt_tokens = {event["usage"]["prompt_tokens"] for event in events}
    assert len(prompt_tokens) == 1


def test_the_last_usage_alone_has_details(engine):
    *running, final = engine.stream_chat("Hello", max_tokens=3, ignore_eos=True)
    for event in running:
        assert list(event["usage"]) == [
            "prompt_tokens",
            "total_tokens",
            "completion_tokens",
            "completion_tokens_details",
        ]
    assert list(final["usage"]) == [
        "prompt_tokens",
        "total_tokens",
        "completion_tokens",
        "prompt_tokens_details",
    ]
    details = final["usage"]["prompt_tokens_details"]
    assert details.keys() == {"cached_tokens", "created_cache_tokens"}
    assert list(final) == [
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "system_fingerprint",
    ]


def test_events_have_the_members_of_vllm(engine):
    first, second, *_, last, _ = engine.stream_chat(
        "Hello", max_tokens=4, ignore_eos=True
    )
    assert list(first)[-3:] == ["usage", "prompt_token_ids", "prompt_text"]
    assert list(first["choices"][0]) == ["index", "delta", "logprobs", "finish_reason"]
    assert list(second["choices"][0]) == [
        "index",
        "delta",
        "logprobs",
        "finish_reason",
        "token_ids",
    ]
    assert list(last["choices"][0]) == [
        "index",
        "delta",
        "logprobs",
        "finish_reason",
        "stop_reason",
        "token_ids",
    ]


def test_two_choices_are_told_apart(engine):
    events = engine.stream_chat(
        "Hello", max_tokens=4, n=2, ignore_eos=True, temperature=1
    )
    final = events.pop()
    for index in (0, 1):
        mine = [event for event in events if event["choices"][0]["index"] == index]
        assert mine[0]["choices"][0]["delta"]["role"] == "assistant"
        assert mine[-1]["usage"]["completion_tokens"] == 4
    assert final["usage"]["completion_tokens"] == 8


def test_a_stop_string_is_held_back(engine):
    """No event shows the beginning of what may become the stop string."""
    events = engine.stream_chat(
        "Write the alphabet with spaces.", max_tokens=60, stop=["e"], temperature=0
    )
    text = "".join(
        choice["delta"].get("content", "")
        for event in events
        for choice in event["choices"]
    )
    assert "e" not in text
    assert events[-2]["choices"][0]["finish_reason"] == "stop"
    assert events[-2]["choices"][0]["stop_reason"] == "e"


def test_each_event_is_a_chunk_of_its_own(engine):
    body = json.dumps(
        {
            "model": engine.model,
            "messages": [{"role": "user", "content": "Hello"}],
            "max_tokens": 3,
            "ignore_eos": True,
            "stream": True,
        }
    )
    answer = engine.raw(
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: engine\r\n"
        f"authorization: Bearer {engine.key}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n{body}".encode()
    )
    head, _, rest = answer.partition(b"\r\n\r\n")
    names = [line.partition(b":")[0] for line in head.split(b"\r\n")[1:]]
    assert names == [
        b"date",
        b"server",
        b"content-type",
        b"vary",
        b"x-request-id",
        b"connection",
        b"transfer-encoding",
    ]
    assert b"content-type: text/event-stream; charset=utf-8" in head
    chunks = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        chunks.append(rest[:length])
        assert rest[length : length + 2] == b"\r\n"
        rest = rest[length + 2 :]
    *events, done, end = chunks
    assert (done, end) == (b"data: [DONE]\n\n", b"")
    assert len(events) == 5
    assert all(re.fullmatch(rb"data: \{[^\n]*\}\n\n", event) for event in events)


def test_the_stream_of_one_who_left_is_stopped(engine, new_prompt):
    """What he saw last is what the counters say, but for tokens on their way."""
    before = engine.counters()
    with (
        engine.client() as client,
        client.stream(
            "POST",
            "/v1/chat/completions",
            json={
                "model": engine.model,
                "messages": [{"role": "user", "content": new_prompt()}],
                "max_tokens": 2000,
                "ignore_eos": True,
                "stream": True,
            },
        ) as answer,
    ):
        seen = {}
        for line in answer.iter_lines():
            if line:
                seen = json.loads(line.removeprefix("data: "))["usage"]
            if seen.get("completion_tokens", 0) >= 12:
                break
    wait_until(lambda: engine.counter("num_requests_running") == 0)
    after = engine.counters()

    def growth(name):
        return after[f"vllm:{name}"] - before[f"vllm:{name}"]

    assert growth("prompt_tokens_total") == seen["prompt_tokens"]
    made = growth("generation_tokens_total")
    unseen = made - seen["completion_tokens"]
    assert 0 <= unseen <= ON_THEIR_WAY_MAX
    # https://github.com/vllm-project/vllm/issues/31503
    assert growth('request_success_total{finished_reason="abort"}') == 0
