"""`previous_response_id`: only what is new is sent, all of the conversation counts."""

import json
from typing import Any

import httpx
import msgspec
import openai
import pytest

from metering.proxy.transform.conversations import continued, history_of
from metering.proxy.transform.retention_hints import read_hint
from tests.metering.proxy.conftest import Plane, until
from tests.metering.proxy.parsed import parsed
from tests.metering.proxy.talk import SYSTEM, forget_leases

LONG = "Tell me of the ledgers. " * 20


def post(plane: Plane, secret: str, says: Any, **fields: Any) -> httpx.Response:
    body = {"model": "default", "input": says, "max_output_tokens": 40} | fields
    headers = {"authorization": f"Bearer {secret}"}
    return plane.client.post("/v1/responses", json=body, headers=headers)


def respond(plane: Plane, secret: str, says: Any, **fields: Any) -> Any:
    answer = post(plane, secret, says, **fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def text_of(response: Any) -> str:
    return "".join(
        part["text"]
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
    )


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


def test_it_works(plane: Plane, secret: str):
    first = respond(plane, secret, LONG)
    second = respond(plane, secret, "Go on.", previous_response_id=first["id"])
    third = respond(plane, secret, "And?", previous_response_id=second["id"])
    said = [
        {"role": "user", "content": LONG},
        {"role": "assistant", "content": text_of(first)},
        {"role": "user", "content": "Go on."},
        {"role": "assistant", "content": text_of(second)},
        {"role": "user", "content": "And?"},
    ]
    whole = respond(plane, secret, said)
    assert third["usage"]["input_tokens"] == whole["usage"]["input_tokens"]
    *_, continued, sent = plane.events()
    assert continued.input_tokens == sent.input_tokens > second["usage"]["input_tokens"]


def test_its_own_output_is_taken_as_it_was_given(plane: Plane, secret: str):
    """What clients do that resend a conversation themselves."""
    first = respond(plane, secret, LONG)
    again = [{"role": "user", "content": LONG}, *first["output"]]
    whole = respond(plane, secret, [*again, {"role": "user", "content": "Go on."}])
    short = respond(plane, secret, "Go on.", previous_response_id=first["id"])
    assert short["usage"]["input_tokens"] == whole["usage"]["input_tokens"]


def test_instructions_are_not_carried_over(plane: Plane, secret: str):
    first = respond(plane, secret, "Hi.", instructions=LONG)
    second = respond(plane, secret, "Ho.", previous_response_id=first["id"])
    assert second["usage"]["input_tokens"] < first["usage"]["input_tokens"]
    assert "previous_response_id" in second


def test_a_stream_is_continued_and_continues(plane: Plane, secret: str):
    with openai.OpenAI(api_key=secret, base_url=f"{plane.url}/v1") as client:
        ask = client.responses.create
        stream = ask(model="default", input=LONG, max_output_tokens=8, stream=True)
        first: Any = list(stream)[-1]
        stream = ask(
            model="default",
            input="Go on.",
            max_output_tokens=8,
            stream=True,
            previous_response_id=first.response.id,
        )
        second: Any = list(stream)[-1]
    more = second.response.usage.input_tokens - first.response.usage.input_tokens
    assert more > first.response.usage.output_tokens


def test_a_background_one_is_continued_in_the_background(plane: Plane, secret: str):
    first = respond(plane, secret, LONG, background=True)

    def ended(response_id: str) -> Any:
        found = plane.client.get(
            f"/v1/responses/{response_id}",
            headers={"authorization": f"Bearer {secret}"},
        ).json()
        return found["status"] in {"completed", "incomplete"} and found

    found = until(lambda: ended(first["id"]))
    second = respond(
        plane, secret, "Go on.", background=True, previous_response_id=first["id"]
    )
    found_too = until(lambda: ended(second["id"]))
    more = found_too["usage"]["input_tokens"] - found["usage"]["input_tokens"]
    assert more > found["usage"]["output_tokens"]


def test_it_is_begun_once_with_an_idempotency_key(plane: Plane, secret: str):
    first = respond(plane, secret, LONG)
    headers = {"authorization": f"Bearer {secret}", "idempotency-key": first["id"]}
    body = {
        "model": "default",
        "input": "Go on.",
        "max_output_tokens": 8,
        "previous_response_id": first["id"],
    }
    one, other = (
        plane.client.post("/v1/responses", json=body, headers=headers) for _ in "12"
    )
    assert one.status_code == 200, one.text
    assert one.content == other.content
    assert len(plane.events()) == 2


def test_it_counts_against_limits_as_if_all_was_sent(plane: Plane, secret: str):
    first = respond(plane, secret, LONG)
    poor = plane.add_key(is_prepaid=True, counts_spend=True)
    plane.seed_money(credit=20 * first["usage"]["input_tokens"] * 100)
    assert post(plane, poor, "Go on.").status_code == 200
    plane.seed_money(credit=first["usage"]["input_tokens"] * 100)
    refused = post(plane, poor, "Go on.", previous_response_id=first["id"])
    assert refused.status_code == 402


@pytest.fixture
def leased(plane: Plane, secret: str):
    forget_leases(plane)
    return respond(plane, secret, SYSTEM, kv_retention={"timeout": "60s"})


def test_its_lease_is_continued_without_naming_it(plane, secret, leased):
    lease = leased["kv_lease"]
    assert lease["status"] == "granted"
    again = {"timeout": "60s"}
    second = respond(
        plane,
        secret,
        "Go on.",
        previous_response_id=leased["id"],
        kv_retention=again,
    )
    told = second["kv_lease"]
    assert told["previous"]["id"] == lease["id"]
    assert told["previous"]["outcome"] == "reused"
    assert told["previous"]["leased_tokens"] == lease["tokens"]
    third = respond(plane, secret, "And?", previous_response_id=second["id"])
    assert third["kv_lease"]["status"] == "none"
    assert third["kv_lease"]["previous"]["outcome"] == "reused"
    *_, event = plane.events()
    assert event.leased_input_tokens == told["tokens"]


def test_a_stream_continues_the_lease_too(plane, secret, leased):
    answer = post(
        plane, secret, "Go on.", previous_response_id=leased["id"], stream=True
    )
    events = [
        json.loads(line.removeprefix("data: "))
        for line in answer.text.split("\n")
        if line.startswith("data: ")
    ]
    told = events[-1]["response"]["kv_lease"]
    assert told["previous"]["leased_tokens"] == leased["kv_lease"]["tokens"]


def test_a_lease_that_is_forgotten_is_no_hindrance(plane, secret, leased):
    for key in plane.valkey.keys("tokenfab:lease*"):
        plane.valkey.delete(key)
    second = respond(plane, secret, "Go on.", previous_response_id=leased["id"])
    assert second["kv_lease"]["previous"] is None


def test_it_refuses_what_is_not_there(plane: Plane, secret: str):
    unkept = respond(plane, secret, "Hi.", store=False)
    for name in (unkept["id"], "resp_0123", "no id"):
        refused = post(plane, secret, "Go on.", previous_response_id=name)
        expected = (404, "previous_response_not_found", "previous_response_id")
        assert refusal(refused) == expected


@pytest.mark.parametrize(
    "other", [{"tenant_id": 2, "project_id": 21}, {"project_id": 12}]
)
def test_it_refuses_strangers(plane: Plane, secret: str, other: dict[str, int]):
    stranger = plane.add_key(**other)
    made = respond(plane, secret, "Hi.")
    until(lambda: plane.valkey.keys(f"tokenfab:response:*{made['id']}"))
    refused = post(plane, stranger, "Go on.", previous_response_id=made["id"])
    assert refusal(refused)[:2] == (404, "previous_response_not_found")


def test_it_refuses_a_response_that_is_not_made_yet(plane: Plane, secret: str):
    plane.order_fault("slow:400")
    begun = respond(plane, secret, "Hi.", background=True)
    refused = post(plane, secret, "Go on.", previous_response_id=begun["id"])
    assert refusal(refused)[:2] == (400, "invalid_value")
    assert "completed" in refused.json()["error"]["message"]


def test_it_refuses_a_response_that_failed(plane: Plane, secret: str):
    made = respond(plane, secret, "Hi.")
    (name,) = until(lambda: plane.valkey.keys(f"tokenfab:response:*{made['id']}"))
    document = json.loads(plane.valkey.hget(name, "document") or "")
    plane.valkey.hset(name, "document", json.dumps(document | {"status": "failed"}))
    refused = post(plane, secret, "Go on.", previous_response_id=made["id"])
    assert refusal(refused) == (400, "invalid_value", "previous_response_id")


def test_a_breakpoint_in_what_is_new_comes_after_the_history(plane: Plane):
    first = respond(plane, plane.secret, "Hi.")
    mark = {"prompt_cache_breakpoint": {"mode": "explicit"}}
    new = [
        {"role": "user", "content": [{"type": "input_text", "text": "A.", **mark}]},
        {"role": "user", "content": "B."},
    ]
    request = parsed("/v1/responses", input=new)
    hint = read_hint(request.raw)
    assert hint is not None
    request = msgspec.structs.replace(request, leased_prefix=hint.prefix)
    document = msgspec.json.encode(first)
    history = history_of("", document, b'[{"role":"user","content":"Z."}]')
    prefix = continued(request, history).leased_prefix
    assert prefix is not None
    items = msgspec.json.decode(prefix["input"])
    said = [item["content"] for item in items]
    assert said == ["Z.", text_of(first), [{"type": "input_text", "text": "A."}]]


def test_it_refuses_a_conversation_that_is_too_long(plane: Plane, secret: str):
    made = respond(plane, secret, "Hi.")
    (name,) = until(lambda: plane.valkey.keys(f"tokenfab:response:*{made['id']}"))
    long = json.dumps([{"role": "user", "content": "x" * 2**20}])
    for kept in ("", long):
        plane.valkey.hset(name, "input", kept)
        refused = post(plane, secret, "Go on.", previous_response_id=made["id"])
        assert refusal(refused) == (400, "invalid_value", "previous_response_id")
        assert "1024 KiB" in refused.json()["error"]["message"]


def test_it_refuses_another_model(plane: Plane, secret: str):
    made = respond(plane, secret, "Hi.")
    (name,) = until(lambda: plane.valkey.keys(f"tokenfab:response:*{made['id']}"))
    document = json.loads(plane.valkey.hget(name, "document") or "")
    plane.valkey.hset(name, "document", json.dumps(document | {"model": "other"}))
    refused = post(plane, secret, "Go on.", previous_response_id=made["id"])
    assert refusal(refused) == (400, "invalid_value", "previous_response_id")


@pytest.mark.parametrize("name", [17, ["resp_1"], {}])
def test_it_refuses_what_is_no_text(plane: Plane, secret: str, name: object):
    refused = post(plane, secret, "Go on.", previous_response_id=name)
    assert refusal(refused) == (400, "invalid_value", "previous_response_id")


def test_null_is_no_response(plane: Plane, secret: str):
    assert respond(plane, secret, "Hi.", previous_response_id=None)["output"]
