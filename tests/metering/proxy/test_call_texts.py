"""What is said in a call is kept for the projects that want it, and for no other."""

import json

import msgspec
import pytest

from metering.proxy.call_texts import TEXT_BYTES_MAX, WAITING_TEXTS_MAX
from metering.wire import CALL_TEXTS_KEY, CallText
from tests.metering.proxy.conftest import Plane, until


@pytest.fixture(autouse=True)
def nothing_waits(plane: Plane):
    plane.valkey.delete(CALL_TEXTS_KEY)
    yield
    plane.valkey.delete(CALL_TEXTS_KEY)


@pytest.fixture
def keeping(plane: Plane) -> str:
    secret = plane.add_key(keeps_texts=True)
    until(lambda: plane.client.get("/v1/models", headers=bearer(secret)).is_success)
    return secret


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def texts(plane: Plane, count: int = 1) -> list[CallText]:
    waiting = until(
        lambda: (
            len(found := plane.valkey.lrange(CALL_TEXTS_KEY, 0, -1)) >= count and found
        )
    )
    return [msgspec.json.decode(text, type=CallText) for text in waiting]


def test_it_works(plane: Plane, keeping: str):
    answer = plane.chat(keeping, "What is a fab?")

    (text,) = texts(plane)
    (event,) = plane.events()
    assert (text.event_id, text.tenant_id, text.project_id) == (event.event_id, 1, 11)
    assert json.loads(text.request)["messages"] == [
        {"role": "user", "content": "What is a fab?"}
    ]
    assert json.loads(text.answer)["choices"] == answer.json()["choices"]
    assert (text.is_streamed, text.is_cut) == (False, False)
    assert abs(text.happened_at_us - event.happened_at_us) < 5_000_000


def test_it_keeps_a_stream(plane: Plane, keeping: str):
    streamed = plane.chat(keeping, stream=True)

    (text,) = texts(plane)
    assert text.is_streamed
    assert text.answer == streamed.text


def test_it_keeps_what_was_sent_to_one_who_left(plane: Plane, keeping: str):
    body = {
        "model": "default",
        "messages": [{"role": "user", "content": "Go on"}],
        "max_tokens": 4000,
        "stream": True,
    }
    with plane.client.stream(
        "POST", "/v1/chat/completions", json=body, headers=bearer(keeping)
    ) as answer:
        next(answer.iter_bytes())

    (text,) = texts(plane)
    assert text.answer.startswith("data: {")


def test_it_keeps_nothing_for_others(plane: Plane, keeping: str, secret: str):
    plane.chat(secret, "Mine alone")
    plane.chat(keeping, "Keep this")  # the later one is there: so is all before it

    (text,) = texts(plane)
    assert "Mine alone" not in text.request


def test_it_keeps_nothing_of_a_refused_call(plane: Plane, keeping: str):
    assert plane.chat(keeping, model="nothing").status_code == 404
    plane.chat(keeping)

    assert len(texts(plane)) == 1


def test_it_cuts_what_is_too_long(plane: Plane, keeping: str):
    # Blanks of a body are not sent on: so a long member that engines leave out.
    plane.chat(keeping, metadata={"note": "x" * TEXT_BYTES_MAX})

    (text,) = texts(plane)
    assert text.is_cut
    assert len(text.request) == TEXT_BYTES_MAX


def test_it_loses_texts_rather_than_memory(plane: Plane, keeping: str):
    plane.valkey.rpush(CALL_TEXTS_KEY, *["{}"] * WAITING_TEXTS_MAX)

    assert plane.chat(keeping).is_success

    def is_counted() -> bool:
        return (
            "tokenfab_proxy_texts_lost_total 1.0" in plane.client.get("/metrics").text
        )

    until(is_counted)
    assert plane.valkey.llen(CALL_TEXTS_KEY) == WAITING_TEXTS_MAX
