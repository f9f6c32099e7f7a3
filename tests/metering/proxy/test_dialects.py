"""Responses and messages: the same call as a chat, in other words."""

import json
from typing import Any

import pytest

from metering.proxy.usage import amount_text
from metering.wire import Outcome, UsageSource
from tests.metering.proxy.conftest import MODEL, Plane, until
from tests.metering.proxy.raw import request

PROMPT = "vllm:prompt_tokens_total"
GENERATED = "vllm:generation_tokens_total"
ASK = {
    "/v1/chat/completions": lambda text, most: {
        "messages": [{"role": "user", "content": text}],
        "max_tokens": most,
    },
    "/v1/responses": lambda text, most: {"input": text, "max_output_tokens": most},
    "/v1/messages": lambda text, most: {
        "messages": [{"role": "user", "content": text}],
        "max_tokens": most,
    },
}
PATHS = sorted(ASK)


def post(plane: Plane, path: str, secret: str, text: str = "Hello", **fields: Any):
    body = {"model": MODEL, **ASK[path](text, 8), **fields}
    return plane.client.post(
        path, json=body, headers={"authorization": f"Bearer {secret}"}
    )


def data_of(stream: str) -> list[dict[str, Any]]:
    lines = [line[6:] for line in stream.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


@pytest.mark.parametrize("path", PATHS)
def test_streamed_and_whole_cost_the_same(plane: Plane, secret: str, path: str):
    """new-api#7229: the same answer cost twice when it was streamed."""
    before = plane.counters()
    text = "Tell me about the sea. " * 30
    for stream in (False, False, True):
        assert post(plane, path, secret, text, stream=stream).status_code == 200
    first, whole, streamed = until(lambda: (it := plane.events())[2:] and it)
    assert (first.cached_input_tokens, whole.cached_input_tokens > 0) == (0, True)
    for field in ("input_tokens", "cached_input_tokens", "output_tokens"):
        assert getattr(whole, field) == getattr(streamed, field)
    assert whole.cost_nanos == streamed.cost_nanos
    after = plane.counters()
    events = plane.events()
    assert after[PROMPT] - before[PROMPT] == sum(one.input_tokens for one in events)
    assert after[GENERATED] - before[GENERATED] == sum(
        one.output_tokens for one in events
    )


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_the_cost_is_told_to_who_asks(plane: Plane, secret: str, path, stream):
    answer = post(plane, path, secret, stream=stream, usage={"include": True})
    assert answer.status_code == 200
    (event,) = until(plane.events)
    femto = (
        (event.input_tokens - event.cached_input_tokens) * 100_000_000
        + event.cached_input_tokens * 20_000_000
        + event.output_tokens * 400_000_000
    )
    documents = data_of(answer.text) if stream else [answer.json()]
    found = [
        (usage["cost"], usage["currency"])
        for one in documents
        if (usage := cost_of(one))
    ]
    assert found == [(amount_text(femto), "USD")]


def cost_of(document: dict[str, Any]) -> dict[str, Any] | None:
    usage = (document.get("response") or document).get("usage") or {}
    return usage if "cost" in usage else None


@pytest.mark.parametrize("path", PATHS)
def test_without_asking_nothing_is_added(plane: Plane, secret: str, path: str):
    for stream in (False, True):
        assert '"cost"' not in post(plane, path, secret, stream=stream).text


@pytest.mark.parametrize("path", PATHS)
def test_who_leaves_a_stream_pays_what_the_engine_counted(
    plane: Plane, secret: str, path: str
):
    """litellm#30630: a stream that was left was billed nothing."""
    before = plane.counters()
    client = plane.raw()
    plane.order_fault("slow:300")
    body = {"model": MODEL, **ASK[path]("A story", 60), "stream": True}
    client.send(request(secret, json.dumps(body).encode(), path=path.encode()))
    client.receive_until(b"data:")
    client.close()
    (event,) = until(plane.events)
    assert event.outcome == Outcome.CLIENT_GONE
    assert event.usage_source == UsageSource.ENGINE
    until(lambda: plane.counters()["vllm:num_requests_running"] == 0)
    after = plane.counters()
    assert after[PROMPT] - before[PROMPT] == event.input_tokens
    assert after[GENERATED] - before[GENERATED] == event.output_tokens
    assert plane.unbilled() == []


@pytest.mark.parametrize("path", PATHS)
def test_a_stream_that_breaks_ends_with_an_error_of_its_dialect(
    plane: Plane, secret: str, path: str
):
    plane.order_fault("die:4000")
    answer = post(plane, path, secret, stream=True, **more_tokens(path, 100))
    assert answer.status_code == 200
    last = data_of(answer.text)[-1]
    if path == "/v1/messages":
        assert last["type"] == "error"
        assert last["error"]["type"] == "api_error"
    elif path == "/v1/responses":
        assert (last["type"], last["code"]) == ("error", "engine_unavailable")
    else:
        assert last["error"]["code"] == "engine_unavailable"


def more_tokens(path: str, most: int) -> dict[str, Any]:
    (field,) = ASK[path]("", most).keys() - {"messages", "input"}
    return {field: most}


@pytest.mark.parametrize("path", PATHS)
def test_what_failed_is_noted_and_not_charged(plane: Plane, secret: str, path: str):
    """new-api#5288: a try that failed was charged like the one that did not."""
    plane.order_fault("die:0")
    assert post(plane, path, secret).status_code == 200
    (event,) = plane.events()
    (failed,) = until(plane.unbilled)
    assert (event.tries, failed.tries, failed.cost_nanos) == (2, 1, 0)
    assert failed.event_id != event.event_id


def test_an_error_is_in_the_dialect_of_the_route(plane: Plane, secret: str):
    answer = post(plane, "/v1/messages", secret, model="none")
    assert answer.status_code == 404
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == "not_found_error"
    assert answer.json()["request_id"] == answer.headers["request-id"]
    answer = post(plane, "/v1/responses", secret, model="none")
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_nothing_of_ours_is_in_an_answer(plane: Plane, secret: str):
    for path in PATHS:
        for stream in (False, True):
            answer = post(plane, path, secret, stream=stream)
            assert plane.salt not in answer.text


def test_tokens_are_counted_without_being_used(plane: Plane, secret: str):
    messages = [{"role": "user", "content": "Hello there"}]
    headers = {"authorization": f"Bearer {secret}"}
    counted = plane.client.post(
        "/v1/messages/count_tokens",
        json={"model": MODEL, "messages": messages},
        headers=headers,
    ).json()["input_tokens"]
    tokenized = plane.client.post(
        "/v1/tokenize", json={"model": MODEL, "messages": messages}, headers=headers
    ).json()["count"]
    post(plane, "/v1/chat/completions", secret, messages=messages)
    *counts, call = until(lambda: (it := plane.events())[2:] and it)
    assert call.input_tokens == counted == tokenized
    assert [(one.input_tokens, one.output_tokens) for one in counts] == [(0, 0)] * 2
