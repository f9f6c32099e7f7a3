"""`/v1/responses/{id}`: kept for an hour, begun in the background, cancelled."""

from typing import Any

import httpx
import openai
import pytest

from metering.wire import Outcome
from tests.metering.proxy.conftest import Plane, until


def respond(plane: Plane, secret: str, **fields: Any) -> httpx.Response:
    body = {"model": "default", "input": "Hello", "max_output_tokens": 8, **fields}
    return plane.client.post("/v1/responses", json=body, headers=bearer(secret))


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def get(plane: Plane, secret: str, response_id: str) -> httpx.Response:
    return plane.client.get(f"/v1/responses/{response_id}", headers=bearer(secret))


def delete(plane: Plane, secret: str, response_id: str) -> httpx.Response:
    return plane.client.delete(f"/v1/responses/{response_id}", headers=bearer(secret))


def cancel(plane: Plane, secret: str, response_id: str) -> httpx.Response:
    path = f"/v1/responses/{response_id}/cancel"
    return plane.client.post(path, headers=bearer(secret))


def until_ended(plane: Plane, secret: str, response_id: str) -> Any:
    def ended() -> Any:
        found = get(plane, secret, response_id).json()
        return found["status"] not in {"queued", "in_progress"} and found

    return until(ended)


def test_it_works(plane: Plane, secret: str):
    made = respond(plane, secret).json()
    found = get(plane, secret, made["id"])
    assert found.status_code == 200, found.text
    assert found.json() == made
    assert found.headers["x-request-id"].startswith("req_")
    assert len(plane.events()) == 1


def test_it_keeps_what_a_stream_ended_with(plane: Plane, secret: str):
    with openai.OpenAI(api_key=secret, base_url=f"{plane.url}/v1") as client:
        stream = client.responses.create(
            model="default", input="Hello", max_output_tokens=8, stream=True
        )
        last = list(stream)[-1]
        assert last.type in {"response.completed", "response.incomplete"}
        found = client.responses.retrieve(last.response.id)
        assert found.output_text == last.response.output_text
        assert found.usage == last.response.usage


def test_it_lives_for_an_hour(plane: Plane, secret: str):
    made = respond(plane, secret).json()
    (name,) = until(lambda: plane.valkey.keys(f"tokenfab:response:*{made['id']}"))
    assert 3500 < plane.valkey.ttl(name) <= 3600


def test_it_keeps_nothing_when_told_so(plane: Plane, secret: str):
    made = respond(plane, secret, store=False).json()
    assert get(plane, secret, made["id"]).status_code == 404
    assert plane.valkey.keys("tokenfab:response:*") == []


@pytest.mark.parametrize(
    "other", [{"tenant_id": 2, "project_id": 21}, {"project_id": 12}]
)
@pytest.mark.parametrize("act", [get, cancel, delete])
def test_others_find_nothing(
    plane: Plane, secret: str, other: dict[str, int], act: Any
):
    stranger = plane.add_key(**other)
    made = respond(plane, secret).json()
    until(lambda: respond(plane, stranger, store=False).status_code == 200)
    refused = act(plane, stranger, made["id"])
    absent = act(plane, stranger, "resp_0123")
    assert refused.status_code == absent.status_code == 404
    assert refused.json()["error"]["code"] == "response_not_found"
    assert refused.text.replace(made["id"], "") == absent.text.replace("resp_0123", "")
    assert get(plane, secret, made["id"]).status_code == 200


@pytest.mark.parametrize("name", ["nope", "resp_", "resp_a:b", "resp_" + "a" * 65, ""])
def test_what_is_no_id_is_not_found(plane: Plane, secret: str, name: str):
    assert get(plane, secret, name).status_code == 404


def test_it_is_deleted(plane: Plane, secret: str):
    made = respond(plane, secret).json()
    deleted = delete(plane, secret, made["id"])
    assert deleted.json() == {"id": made["id"], "object": "response", "deleted": True}
    assert get(plane, secret, made["id"]).status_code == 404
    assert delete(plane, secret, made["id"]).status_code == 404


def test_a_background_one_is_polled(plane: Plane, secret: str):
    plane.order_fault("slow:20")
    begun = respond(plane, secret, background=True, max_output_tokens=20)
    assert begun.status_code == 200, begun.text
    document = begun.json()
    assert (document["status"], document["background"]) == ("queued", True)
    assert document["id"] == begun.headers["x-request-id"].replace("req_", "resp_")
    found = until_ended(plane, secret, document["id"])
    assert found["status"] in {"completed", "incomplete"}
    assert found["id"] == document["id"]
    assert found["background"] is True
    assert found["output"][0]["content"][0]["text"]
    (event,) = plane.events()
    assert found["usage"]["output_tokens"] == event.output_tokens
    assert found["usage"]["input_tokens"] == event.input_tokens
    assert event.event_id == document["id"].removeprefix("resp_")
    assert event.outcome == Outcome.COMPLETED


def test_the_official_client_reads_it(plane: Plane, secret: str):
    plane.order_fault("slow:200")
    with openai.OpenAI(api_key=secret, base_url=f"{plane.url}/v1") as client:
        begun = client.responses.create(
            model="default", input="Hello", max_output_tokens=60, background=True
        )
        until(lambda: client.responses.retrieve(begun.id).status == "in_progress")
        cancelled = client.responses.cancel(begun.id)
        assert cancelled.status == "cancelled"
        client.responses.delete(begun.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(begun.id)
    until(plane.events)  # the engine had begun


def test_a_background_one_is_cancelled_and_metered(plane: Plane, secret: str):
    plane.order_fault("slow:200")
    document = respond(plane, secret, background=True, max_output_tokens=60).json()
    until(lambda: get(plane, secret, document["id"]).json()["status"] == "in_progress")
    cancelled = cancel(plane, secret, document["id"])
    assert cancelled.json()["status"] == "cancelled"
    assert cancel(plane, secret, document["id"]).json()["status"] == "cancelled"
    (event,) = until(plane.events)
    assert event.outcome == Outcome.CLIENT_GONE
    assert event.output_tokens > 0
    assert get(plane, secret, document["id"]).json()["status"] == "cancelled"


def test_cancelling_what_has_ended_changes_nothing(plane: Plane, secret: str):
    document = respond(plane, secret, background=True).json()
    ended = until_ended(plane, secret, document["id"])
    assert cancel(plane, secret, document["id"]).json() == ended


def test_it_refuses_to_cancel_what_was_waited_for(plane: Plane, secret: str):
    made = respond(plane, secret).json()
    refused = cancel(plane, secret, made["id"])
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "response_not_cancellable"


def test_a_background_one_that_is_refused_says_why(plane: Plane):
    secret = plane.add_key(requests_per_minute=1)
    until(lambda: respond(plane, secret).status_code != 401)
    document = respond(plane, secret, background=True).json()
    found = until_ended(plane, secret, document["id"])
    assert found["status"] == "failed"
    assert found["error"]["code"] == "rate_limit_exceeded"


def test_a_background_one_fails_with_its_engine(plane: Plane, secret: str):
    plane.order_fault("die:3000")
    document = respond(plane, secret, background=True, max_output_tokens=60).json()
    found = until_ended(plane, secret, document["id"])
    assert found["status"] == "failed"
    assert found["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"store": False}, "must be stored"),
        ({"stream": True}, "cannot be streamed"),
        ({"background": "yes"}, "background"),
    ],
)
def test_it_refuses_what_cannot_be_done(
    plane: Plane, secret: str, fields: dict[str, Any], message: str
):
    refused = respond(plane, secret, **{"background": True, **fields})
    assert refused.status_code == 400
    assert message in refused.json()["error"]["message"]
    assert plane.events() == []


def test_it_refuses_to_repeat_too_much(plane: Plane, secret: str):
    metadata = {"a": "b" * 3_000_000}
    refused = respond(plane, secret, background=True, metadata=metadata)
    assert refused.status_code == 400
    assert "2097152 bytes" in refused.json()["error"]["message"]


def test_it_refuses_an_unknown_model_at_once(plane: Plane, secret: str):
    refused = respond(plane, secret, background=True, model="nope")
    assert refused.status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "resp_1", "GET, DELETE"),
        ("PUT", "resp_1", "GET, DELETE"),
        ("GET", "resp_1/cancel", "POST"),
    ],
)
def test_it_refuses_another_method(
    plane: Plane, secret: str, method: str, path: str, allowed: str
):
    refused = plane.client.request(
        method, f"/v1/responses/{path}", headers=bearer(secret)
    )
    assert refused.status_code == 405
    assert refused.headers["allow"] == allowed


def test_it_refuses_who_has_no_key(plane: Plane):
    assert plane.client.get("/v1/responses/resp_1").status_code == 401


def test_with_an_idempotency_key_it_is_begun_once(plane: Plane, secret: str):
    headers = bearer(secret) | {"idempotency-key": "background-1"}
    body = {
        "model": "default",
        "input": "Hello",
        "max_output_tokens": 8,
        "background": True,
    }
    first, second = (
        plane.client.post("/v1/responses", json=body, headers=headers) for _ in range(2)
    )
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    until_ended(plane, secret, first.json()["id"])
    assert len(plane.events()) == 1
