"""What users of other gateways reported of retries: two charges, charges for failures,
a new identity for each emission. Each test names its thread.
"""

import json
import uuid
from typing import Any

import openai
import pytest

from metering.wire import Outcome, UsageEvent
from tests.metering.proxy.conftest import Plane, until
from tests.metering.proxy.raw import request


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def billed(plane: Plane) -> list[UsageEvent]:
    return [event for event in plane.events() if event.outcome != Outcome.UNBILLED]


def test_a_client_that_retries_after_its_time_out_is_charged_once(
    plane: Plane, secret: str, key: str
):
    """new-api#7486: a retry was billed like a new call. The official client sends the
    same request again when its patience ends; all its tries are one call.
    """
    plane.order_fault("slow:20")
    with openai.OpenAI(
        api_key=secret, base_url=f"{plane.url}/v1", timeout=0.3, max_retries=8
    ) as client:
        raw = client.chat.completions.with_raw_response.create(
            model="default",
            messages=[{"role": "user", "content": "Hello"}],
            max_tokens=60,
            extra_headers={"idempotency-key": key},
            extra_body={"ignore_eos": True},
        )
    assert raw.retries_taken > 0
    assert raw.headers["idempotent-replayed"] == "true"
    (event,) = billed(plane)
    usage = raw.parse().usage
    assert usage is not None
    assert event.output_tokens == usage.completion_tokens == 60
    assert raw.headers["x-request-id"] == f"req_{event.event_id}"


def test_a_stream_that_failed_has_one_price_however_often_it_is_asked_for(
    plane: Plane, secret: str, key: str
):
    """new-api#5289: failed streams were charged on text counted anew. Ours are charged
    what the engine said last, and a retry with the key shows the failure again.
    """
    plane.order_fault("die:3000")
    fields = {
        "stream": True,
        "stream_options": {"continuous_usage_stats": True},
        "max_tokens": 60,
    }
    first = chat(plane, secret, key, **fields)
    assert "engine_unavailable" in first
    (event,) = billed(plane)
    assert (event.outcome, event.output_tokens) == (
        Outcome.ENGINE_FAILED,
        tokens_shown(first),
    )
    assert chat(plane, secret, key, **fields) == first
    assert billed(plane) == [event]


def test_a_call_that_failed_before_its_first_byte_costs_nothing(
    plane: Plane, secret: str, key: str
):
    """new-api#5288: the same key may run it again, and that is what is charged."""
    plane.order_fault("status:500", times=3)
    assert "engine_unavailable" in chat(plane, secret, key)
    assert billed(plane) == []
    plane.order_fault("", times=0)
    answers = {chat(plane, secret, key) for _ in range(3)}
    assert len(answers) == 1
    assert len(billed(plane)) == 1


def test_a_call_has_one_identity_through_tries_joins_and_replays(
    plane: Plane, secret: str, key: str
):
    """vexa#330, #350: billed four times, since each emission made a new id."""
    plane.order_fault("status:503", times=1)
    callers = [plane.raw() for _ in range(3)]
    for caller in callers:
        caller.send(raw_chat(secret, key))
    answers = [caller.answer() for caller in callers]
    (event,) = until(lambda: billed(plane))
    assert {answer.status for answer in answers} == {200}
    assert {answer.headers["x-request-id"] for answer in answers} == {
        f"req_{event.event_id}"
    }
    assert event.tries == 2
    assert json.loads(answers[0].body)["id"].startswith(f"chatcmpl-{event.event_id}")


def chat(plane: Plane, secret: str, key: str, **fields: Any) -> str:
    headers = {"authorization": f"Bearer {secret}", "idempotency-key": key}
    body = {
        "model": "default",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 8,
        **fields,
    }
    with plane.new_client() as client:
        return client.post("/v1/chat/completions", json=body, headers=headers).text


def tokens_shown(stream: str) -> int:
    """Of the last event that the engine itself sent."""
    events = [
        json.loads(line[6:]) for line in stream.split("\n\n") if '"usage"' in line
    ]
    return int(events[-1]["usage"]["completion_tokens"])


def raw_chat(secret: str, key: str) -> bytes:
    body = {"model": "default", "messages": [{"role": "user", "content": "Hello"}]}
    header = b"idempotency-key: %b" % key.encode()
    return request(secret, json.dumps(body | {"max_tokens": 8}).encode(), header)
