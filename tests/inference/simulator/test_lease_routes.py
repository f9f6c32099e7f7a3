"""What the routes about leases have beyond those of the contract."""

import os
import signal

import httpx
import pytest

from tests.engine_contract.lease_engines import Control


def test_it_works(engine):
    status = Control(engine).status
    assert (status["engine_id"], status["leases"]) == (f"unix:{engine.socket}", 0)
    assert status["caps"]["all_leases"] == 364


def test_it_refuses_where_nothing_is_generated(start):
    assert Control(start(SIMULATOR_TASK="embed")).call("GET", "leases").is_error


def test_faults_befall_no_question_of_the_platform(engine):
    with engine.client(**{"x-simulator-fault": "status:500"}) as client:
        assert client.get("/v1/tokenfab/leases").status_code == 200


def test_whoever_waits_does_not_hold_up_the_end(start):
    engine = start()
    with engine.connect() as connection:
        connection.sendall(
            b"GET /v1/tokenfab/lease_events?wait_seconds=30 HTTP/1.1\r\nhost: e\r\n"
            b"authorization: Bearer " + engine.key.encode() + b"\r\n\r\n"
        )
        assert engine.counter("num_requests_running") == 0
        os.kill(engine.pid, signal.SIGTERM)
        connection.settimeout(3)
        assert connection.recv(1) == b""


def test_whoever_leaves_while_waiting_is_forgotten(engine):
    control = Control(engine)
    with pytest.raises(httpx.ReadTimeout), engine.client() as client:
        client.get("/v1/tokenfab/lease_events?wait_seconds=30", timeout=0.1)
    assert control.events(0) == []
