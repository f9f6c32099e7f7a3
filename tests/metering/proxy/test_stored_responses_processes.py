"""Stored responses over two proxy processes, and when the one at work dies."""

import os
from typing import Any

import httpx
import pytest

from metering.wire import Outcome
from tests.metering.proxy.conftest import Plane, until
from tests.metering.proxy.two_proxies import TwoProxies


@pytest.fixture
def two(bare_plane: Plane) -> TwoProxies:
    plane = bare_plane
    plane.publish_prices()
    plane.publish_keys()
    plane.start_engine(SIMULATOR_TOKENS_PER_SECOND="50")
    two = TwoProxies(plane, os.environ["VALKEY_URL"])
    two.start()
    return two


@pytest.fixture
def secret(two: TwoProxies) -> str:
    secret = two.plane.add_key()
    until(lambda: two.knows(secret))
    return secret


def begin(two: TwoProxies, secret: str) -> str:
    answer = act(two, 0, secret, "POST", "", max_output_tokens=100, background=True)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def act(
    two: TwoProxies, index: int, secret: str, method: str, path: str, **fields: Any
) -> httpx.Response:
    body = {"model": "default", "input": "Hello", **fields} if fields else None
    with two.client(index) as client:
        return client.request(
            method,
            f"/v1/responses{path}",
            json=body,
            headers={"authorization": f"Bearer {secret}"},
        )


def status(two: TwoProxies, index: int, secret: str, response_id: str) -> str:
    return str(act(two, index, secret, "GET", f"/{response_id}").json()["status"])


def test_the_other_process_reads_it(two: TwoProxies, secret: str):
    response_id = begin(two, secret)
    assert status(two, 1, secret, response_id) in {"queued", "in_progress"}
    until(lambda: status(two, 1, secret, response_id) in {"completed", "incomplete"})
    assert len(two.events()) == 1


def test_the_other_process_cancels_it(two: TwoProxies, secret: str):
    response_id = begin(two, secret)
    until(lambda: status(two, 1, secret, response_id) == "in_progress")
    cancelled = act(two, 1, secret, "POST", f"/{response_id}/cancel")
    assert cancelled.json()["status"] == "cancelled"
    (event,) = until(two.events)
    assert event.outcome == Outcome.CLIENT_GONE
    assert status(two, 0, secret, response_id) == "cancelled"


def test_the_other_process_deletes_it(two: TwoProxies, secret: str):
    response_id = begin(two, secret)
    assert act(two, 1, secret, "DELETE", f"/{response_id}").json()["deleted"] is True
    (event,) = until(two.events)
    assert event.outcome == Outcome.CLIENT_GONE
    for index in range(2):
        assert act(two, index, secret, "GET", f"/{response_id}").status_code == 404


def test_it_has_failed_when_its_process_was_killed(two: TwoProxies, secret: str):
    response_id = begin(two, secret)
    until(lambda: status(two, 1, secret, response_id) == "in_progress")
    two.kill(0)
    until(lambda: status(two, 1, secret, response_id) == "failed")
    found = act(two, 1, secret, "GET", f"/{response_id}").json()
    assert "ended" in found["error"]["message"]
    assert two.events() == []


def test_a_drain_says_that_it_failed(two: TwoProxies, secret: str):
    response_id = begin(two, secret)
    until(lambda: status(two, 1, secret, response_id) == "in_progress")
    two.processes[0].terminate()
    assert two.processes[0].wait(timeout=30) == 0
    assert status(two, 1, secret, response_id) == "failed"


def test_without_valkey_it_is_refused(two: TwoProxies, secret: str):
    two.plane.valkey.execute_command("CLIENT", "PAUSE", "2000", "ALL")
    for method, path, fields in (
        ("POST", "", {"background": True}),
        ("GET", "/resp_1", {}),
    ):
        refused = act(two, 0, secret, method, path, **fields)
        assert refused.status_code == 503, refused.text
        assert refused.json()["error"]["code"] == "stored_responses_unavailable"
    plain = act(two, 0, secret, "POST", "", max_output_tokens=3)
    assert plain.status_code == 200
