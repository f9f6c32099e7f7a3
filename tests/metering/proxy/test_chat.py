"""The ordinary call, streamed and not."""

import json
from typing import Any

import httpx

from metering.wire import Outcome, UsageSource
from tenants.domain.api_keys import digest
from tests.metering.proxy.conftest import MODEL, Plane


def test_it_works(plane: Plane, secret: str):
    before = plane.counters()
    answer = plane.chat(secret)
    assert answer.status_code == 200, answer.text
    usage = answer.json()["usage"]
    assert answer.headers["x-request-id"].startswith("req_")
    (event,) = plane.events()
    assert event.event_id == answer.headers["x-request-id"].removeprefix("req_")
    assert answer.json()["id"] == f"chatcmpl-{event.event_id}"
    assert (event.input_tokens, event.output_tokens) == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
    )
    assert event.outcome == Outcome.COMPLETED
    assert event.usage_source == UsageSource.ENGINE
    assert (event.tenant_id, event.project_id) == (1, 11)
    assert plane.policies[event.api_key_id].digest == digest(secret).hex()
    assert (event.model, event.price_version_id) == (MODEL, 7)
    after = plane.counters()
    name = "vllm:generation_tokens_total"
    assert after[name] - before[name] == event.output_tokens


def stream(plane: Plane, secret: str, **fields: Any) -> tuple[httpx.Headers, list[Any]]:
    answer = plane.chat(secret, stream=True, **fields)
    assert answer.status_code == 200, answer.text
    lines = [line for line in answer.text.split("\n\n") if line]
    assert lines[-1] == "data: [DONE]"
    return answer.headers, [json.loads(line[5:]) for line in lines[:-1]]


def test_it_streams_without_the_usage_chunk_when_nobody_asked(
    plane: Plane, secret: str
):
    _, chunks = stream(plane, secret)
    assert all(chunk["choices"] for chunk in chunks)
    (event,) = plane.events()
    assert event.streamed
    assert event.output_tokens == 8
    assert event.first_token_at_us is not None
    assert event.received_at_us <= event.first_token_at_us <= event.happened_at_us


def test_it_streams_with_the_usage_chunk_when_asked(plane: Plane, secret: str):
    _, chunks = stream(plane, secret, stream_options={"include_usage": True})
    assert chunks[-1]["choices"] == []
    (event,) = plane.events()
    assert chunks[-1]["usage"]["prompt_tokens"] == event.input_tokens
    assert chunks[-1]["usage"]["completion_tokens"] == event.output_tokens


def test_streamed_and_whole_answers_are_billed_alike(plane: Plane, secret: str):
    """new-api#6144: streaming lost the cached tokens and cost twice as much."""
    content = "Tell me about the sea. " * 30
    plane.chat(secret, content)
    plane.chat(secret, content)
    stream(plane, secret, content=content)
    first, whole, streamed = plane.events()
    assert first.cached_input_tokens == 0
    assert whole.cached_input_tokens > 0
    assert (whole.input_tokens, whole.cached_input_tokens, whole.output_tokens) == (
        streamed.input_tokens,
        streamed.cached_input_tokens,
        streamed.output_tokens,
    )


def test_completions_work(plane: Plane, secret: str):
    answer = plane.client.post(
        "/v1/completions",
        json={"model": MODEL, "prompt": "Once upon a time", "max_tokens": 5},
        headers={"authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 200, answer.text
    (event,) = plane.events()
    assert (event.endpoint, event.output_tokens) == ("completions", 5)


def test_models_are_listed(plane: Plane, secret: str):
    headers = {"authorization": f"Bearer {secret}"}
    listed = plane.client.get("/v1/models", headers=headers).json()
    assert [one["id"] for one in listed["data"]] == [MODEL]
    one = plane.client.get(f"/v1/models/{MODEL}", headers=headers)
    assert one.json() == listed["data"][0]
    assert plane.client.get("/v1/models/none", headers=headers).status_code == 404


def test_tenants_never_share_cached_blocks(plane: Plane, secret: str):
    other = plane.add_key(tenant_id=2, cache_salt=f"{plane.salt}-2")
    content = "A long shared prompt. " * 30
    for key in (secret, other, secret):
        plane.chat(key, content)
    first, stranger, again = plane.events()
    assert (first.cached_input_tokens, stranger.cached_input_tokens) == (0, 0)
    assert again.cached_input_tokens > 0


def test_a_salt_from_the_caller_is_ignored(plane: Plane, secret: str):
    other = plane.add_key(tenant_id=2, cache_salt=f"{plane.salt}-2")
    content = "A long shared prompt. " * 30
    plane.chat(secret, content)
    answer = plane.chat(other, content, cache_salt=plane.salt, priority=-1)
    assert answer.status_code == 200
    assert plane.events()[-1].cached_input_tokens == 0
