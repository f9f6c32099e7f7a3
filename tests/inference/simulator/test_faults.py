"""The faults that the proxy is tried with do what their names say."""

import json
import time

import httpx
import pytest

from inference.simulator.faults import Fault, FaultPlan, Kind, parse_fault
from tests.engine_contract.engines import wait_until

CHAT = "/v1/chat/completions"
BODY = {
    "messages": [{"role": "user", "content": "Hello"}],
    "max_tokens": 20,
    "ignore_eos": True,
}


def post(engine, fault, **fields):
    return engine.post(CHAT, BODY | fields, **{"x-simulator-fault": fault})


def test_it_works(engine):
    assert post(engine, "").status_code == 200
    assert parse_fault("die:300") == Fault(Kind.DIE, 300)


def test_it_refuses_an_unknown_fault(engine):
    assert post(engine, "explode").status_code == 400


@pytest.mark.parametrize("status", [500, 503])
def test_it_fails_with_a_status(engine, status):
    answer = post(engine, f"status:{status}")
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == status


def test_it_answers_garbage(engine):
    answer = post(engine, "garbage")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"utf-8|Expecting"):
        answer.json()


def test_it_answers_what_is_not_http(engine):
    with pytest.raises(httpx.RemoteProtocolError):
        post(engine, "not-http")


@pytest.mark.parametrize("bytes_left", [0, 30, 700])
def test_it_dies_after_so_many_bytes(engine, bytes_left):
    body = json.dumps(BODY | {"stream": True})
    answer = engine.raw(
        f"POST {CHAT} HTTP/1.1\r\nhost: e\r\nauthorization: Bearer {engine.key}\r\n"
        f"content-type: application/json\r\nx-simulator-fault: die:{bytes_left}\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}".encode()
    )
    assert len(answer) == bytes_left
    wait_until(lambda: engine.counter("num_requests_running") == 0)


@pytest.mark.parametrize("fault", ["hang", "hang:300"])
def test_it_hangs(engine, fault):
    with (
        engine.client(**{"x-simulator-fault": fault}) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.post(CHAT, json=BODY | {"stream": True}, timeout=0.3)


def test_it_leaves_usage_out(engine):
    assert post(engine, "no-usage").json()["usage"] is None
    answer = post(engine, "no-usage", stream=True)
    events = [line for line in answer.text.splitlines() if line]
    assert events[-1] == "data: [DONE]"
    for event in events[:-1]:
        body = json.loads(event[6:])
        assert body["usage"] is None
        assert body["choices"]


def test_it_is_slow(engine):
    started = time.monotonic()
    assert post(engine, "slow:30", max_tokens=5).status_code == 200
    assert time.monotonic() - started >= 4 * 0.03


def test_an_order_befalls_the_next_calls(engine):
    with engine.client() as client:
        order = {"fault": "status:502", "times": 2}
        assert client.post("/simulator/fault", json=order).status_code == 200
        statuses = [client.get("/v1/models").status_code for _ in range(3)]
    assert statuses == [502, 502, 200]


def test_nobody_may_order_faults_unless_allowed(start):
    engine = start(SIMULATOR_FAULT="no-usage")
    with engine.client() as client:
        assert client.post("/simulator/fault", json={}).status_code == 404
    answer = post(engine, "status:500")
    assert answer.status_code == 200
    assert answer.json()["usage"] is None


def test_a_plan_returns_to_what_always_is():
    plan = FaultPlan("slow:5", takes_orders=True)
    plan.order("hang", 1)
    assert [plan.draw(""), plan.draw("")] == [
        Fault(Kind.HANG),
        Fault(Kind.SLOW, 5),
    ]


def test_a_caller_who_leaves_during_a_hang_is_forgotten(engine):
    with engine.connect() as connection:
        connection.sendall(
            f"GET /v1/models HTTP/1.1\r\nhost: e\r\nauthorization: Bearer {engine.key}"
            "\r\nx-simulator-fault: hang\r\n\r\n".encode()
        )
    assert engine.counter("num_requests_running") == 0
