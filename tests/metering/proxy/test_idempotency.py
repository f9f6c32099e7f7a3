"""`Idempotency-Key`: one call, one charge, one answer, however often it is sent."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import httpx
import msgspec
import pytest

from metering.wire import Outcome
from tenants.wire import KeyPolicy
from tests.metering.proxy.conftest import Plane, until
from tests.metering.proxy.raw import request

END = b"[DONE]\n\n\r\n0\r\n\r\n"


def chat(
    plane: Plane, secret: str, key: str | bytes, content: str = "Hello", **fields: Any
) -> httpx.Response:
    body = {
        "model": "default",
        "messages": [{"role": "user", "content": content}],
        "max_tokens": 8,
        **fields,
    }
    headers = {"authorization": f"Bearer {secret}", "idempotency-key": key}
    with plane.new_client() as client:
        return client.post("/v1/chat/completions", json=body, headers=headers)  # type: ignore[arg-type]


def is_replayed(answer: httpx.Response) -> bool:
    return bool(answer.headers.get("idempotent-replayed") == "true")


def raw_chat(secret: str, key: str, **fields: Any) -> bytes:
    body = {
        "model": "default",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 60,
        **fields,
    }
    header = b"idempotency-key: %b" % key.encode()
    return request(secret, json.dumps(body).encode(), header)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_it_works(plane: Plane, secret: str, is_streamed: bool, key: str):
    first = chat(plane, secret, key, stream=is_streamed)
    assert first.status_code == 200, first.text
    assert not is_replayed(first)
    before = plane.counters()
    second = chat(plane, secret, key, stream=is_streamed)
    assert is_replayed(second)
    assert second.content == first.content
    for name in ("x-request-id", "content-type"):
        assert second.headers[name] == first.headers[name]
    assert plane.counters() == before
    (event,) = plane.events()
    assert first.headers["x-request-id"] == f"req_{event.event_id}"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_it_replays_what_only_valkey_remembers(
    plane: Plane, secret: str, is_streamed: bool, key: str
):
    """The process forgets an answer a little after its end."""
    first = chat(plane, secret, key, stream=is_streamed)
    names = kept_names(plane, key)
    lifetimes = [plane.valkey.ttl(name) for name in names]
    assert len(names) == 2
    assert all(86_000 < lifetime <= 86_400 for lifetime in lifetimes)
    assert not any(key in name for name in names)
    until(lambda: plane.valkey.hget(names[0], "state") == b"done")
    # Another request in between; the recorder is gone 2 s after the end.
    assert chat(plane, secret, key + "-2").status_code == 200
    until(lambda: plane.metric("tokenfab_proxy_answers_held") == 0)
    second = chat(plane, secret, key, stream=is_streamed)
    assert is_replayed(second)
    assert second.content == first.content
    assert second.headers["x-request-id"] == first.headers["x-request-id"]
    assert len(plane.events()) == 2


ONE_CALL_AT_MOST = """
from metering.proxy import ending, main
ending.CALLS_MAX = 1
main.main()
"""


def test_it_counts_once_among_the_calls_in_flight(bare_plane: Plane, key: str):
    """In a process with room for one call: the request and its call are one."""
    plane = bare_plane
    secret = plane.add_key()
    plane.publish_prices()
    plane.start_engine()
    plane.start_proxy(code=ONE_CALL_AT_MOST)
    until(plane.is_ready)
    until(lambda: chat(plane, secret, key).status_code == 200)
    plane.order_fault("slow:50")
    running = plane.raw()
    running.send(raw_chat(secret, key + "-2", stream=True))
    running.receive_until(b"data: ")
    assert plane.metric("tokenfab_proxy_calls_in_flight") == 1
    refused = chat(plane, secret, key + "-3")
    assert refused.json()["error"]["code"] == "overloaded"
    running.receive_until(END)


@pytest.fixture
def key() -> str:
    """A new one, since a process remembers an answer for two seconds by itself."""
    return uuid.uuid4().hex


def kept_names(plane: Plane, key: str) -> list[str]:
    """Of the record and of the answer."""
    digest = sha256(key.encode()).hexdigest()
    pattern = f"tokenfab:idempotency:*:{digest}*"
    names: list[Any] = plane.valkey.keys(pattern)
    return sorted(name.decode() for name in names)


def test_a_second_caller_joins_the_running_stream(plane: Plane, secret: str, key: str):
    plane.order_fault("slow:50")
    first, second = plane.raw(), plane.raw()
    first.send(raw_chat(secret, key, stream=True))
    first.receive_until(b"data: ")
    second.send(raw_chat(secret, key, stream=True))
    second.receive_until(b"data: ")
    whole_first = first.receive_until(END).partition(b"\r\n\r\n")[2]
    head, _, whole_second = second.receive_until(END).partition(b"\r\n\r\n")
    assert b"idempotent-replayed: true" in head
    assert whole_second == whole_first
    (event,) = plane.events()
    assert event.output_tokens == 60


def test_parallel_callers_run_it_once(plane: Plane, secret: str, key: str):
    with ThreadPoolExecutor(12) as pool:
        calls = [pool.submit(chat, plane, secret, key) for _ in range(12)]
    answers = [call.result() for call in calls]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert [is_replayed(answer) for answer in answers].count(False) == 1
    assert len(plane.events()) == 1


@pytest.mark.parametrize("is_streamed", [False, True])
def test_it_runs_on_when_the_first_caller_leaves(
    plane: Plane, secret: str, is_streamed: bool, key: str
):
    plane.order_fault("slow:40")
    first, second = plane.raw(), plane.raw()
    first.send(raw_chat(secret, key, stream=is_streamed))
    if is_streamed:
        first.receive_until(b"data: ")
    else:
        until(lambda: plane.counters()["vllm:num_requests_running"] == 1)
    first.close()
    second.send(raw_chat(secret, key, stream=is_streamed))
    if is_streamed:
        second.receive_until(END)
    else:
        assert second.answer().headers["idempotent-replayed"] == "true"
    (event,) = plane.events()
    assert (event.outcome, event.output_tokens) == (Outcome.COMPLETED, 60)


def test_it_counts_against_limits_once(plane: Plane, key: str):
    secret = plane.add_key(requests_per_minute=1)
    assert chat(plane, secret, key).status_code == 200
    assert is_replayed(chat(plane, secret, key))
    assert chat(plane, secret, key + "-2").status_code == 429


def test_a_refusal_before_the_engine_worked_is_not_kept(plane: Plane, key: str):
    secret = plane.add_key(requests_per_minute=1)
    assert chat(plane, secret, key).status_code == 200
    refused = chat(plane, secret, key + "-2")
    assert refused.status_code == 429
    (number,) = [n for n, policy in plane.policies.items() if policy.rate_limits]
    plane.policies[number] = policy_without_limits(plane, number)
    plane.publish_keys()
    until(lambda: chat(plane, secret, key + "-2").status_code == 200)
    assert len(plane.events()) == 2


def policy_without_limits(plane: Plane, number: int) -> KeyPolicy:
    return msgspec.structs.replace(plane.policies[number], rate_limits=())


def test_an_engine_that_failed_unbilled_frees_the_key(
    plane: Plane, secret: str, key: str
):
    plane.order_fault("status:500", times=3)
    failed = chat(plane, secret, key)
    assert failed.status_code == 502
    plane.order_fault("", times=0)
    until(lambda: chat(plane, secret, key).status_code == 200)
    billed = [event for event in plane.events() if event.outcome != Outcome.UNBILLED]
    assert len(billed) == 1


def test_it_refuses_another_body(plane: Plane, secret: str, key: str):
    assert chat(plane, secret, key).status_code == 200
    refused = chat(plane, secret, key, content="Something else")
    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "idempotency_key_reused"
    assert refused.headers["x-should-retry"] == "false"
    assert len(plane.events()) == 1


def test_it_refuses_another_path(plane: Plane, secret: str, key: str):
    assert chat(plane, secret, key).status_code == 200
    refused = plane.client.post(
        "/v1/completions",
        json={"model": "default", "prompt": "Hello", "max_tokens": 3},
        headers={"authorization": f"Bearer {secret}", "idempotency-key": key},
    )
    assert refused.status_code == 409


@pytest.mark.parametrize("key", ["", "k" * 256, b"caf\xc3\xa9", b"a\tb"])
def test_it_refuses_a_malformed_key(plane: Plane, secret: str, key: str | bytes):
    refused = chat(plane, secret, key)
    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "invalid_idempotency_key"


def test_it_refuses_two_keys(plane: Plane, secret: str):
    client = plane.raw()
    header = b"idempotency-key: one\r\nidempotency-key: two"
    client.post(secret, b'{"model": "default", "messages": []}', header)
    assert client.answer().status == 400


def test_it_takes_the_longest_key(plane: Plane, secret: str):
    assert chat(plane, secret, "~" * 255).status_code == 200


def test_tenants_and_projects_are_apart(plane: Plane, key: str):
    secrets = [
        plane.add_key(),
        plane.add_key(project_id=12),
        plane.add_key(tenant_id=2, project_id=21),
    ]
    answers = [chat(plane, secret, key) for secret in secrets]
    assert not any(is_replayed(answer) for answer in answers)
    assert len(plane.events()) == 3


def test_keys_of_one_project_share(plane: Plane, key: str):
    one, other = plane.add_key(), plane.add_key()
    chat(plane, one, key)
    assert is_replayed(chat(plane, other, key))


def test_a_slow_reader_holds_nobody_up(plane: Plane, secret: str, key: str):
    """The engine writes on; the slow one gets the rest from what is held."""
    slow, fast = plane.raw(receive_bytes=2048), plane.raw()
    slow.send(raw_chat(secret, key, stream=True, max_tokens=3000, ignore_eos=True))
    slow.receive_until(b"data: ")
    fast.send(raw_chat(secret, key, stream=True, max_tokens=3000, ignore_eos=True))
    whole_fast = fast.receive_until(END).partition(b"\r\n\r\n")[2]
    whole_slow = slow.receive_until(END).partition(b"\r\n\r\n")[2]
    assert whole_slow == whole_fast
    assert len(plane.events()) == 1


@pytest.mark.parametrize("is_streamed", [False, True])
def test_an_answer_too_long_to_be_kept_is_charged_once(
    plane: Plane, secret: str, key: str, is_streamed: bool
):
    body = {
        "model": "default",
        "input": "Hello",
        "max_output_tokens": 8,
        "stream": is_streamed,
        # Repeated in the answer; thrice in a stream, whose events have 1 MiB at most.
        "metadata": {"a": "b" * (900_000 if is_streamed else 2_200_000)},
    }
    headers = {"authorization": f"Bearer {secret}", "idempotency-key": key}
    first, second = (
        plane.client.post("/v1/responses", json=body, headers=headers) for _ in range(2)
    )
    assert first.status_code == 200, first.text
    assert len(first.content) > 2 * 1024 * 1024
    assert second.status_code == 409
    assert second.json()["error"]["code"] == "idempotent_answer_not_kept"
    assert len(plane.events()) == 1
