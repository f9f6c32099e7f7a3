"""`GET /v1/usage/requests/{id}` through the proxy, on a real control plane."""

import threading

import pytest
from django.db import connections

from config.supervisor.ports import any_free_port
from metering.services.store_usage_events import store_usage_events
from metering.wire import UsageEvent
from tests.factories import make_api_key
from tests.metering.proxy.conftest import Plane, until

PATH = "/v1/usage/requests/"


@pytest.fixture
def controlled(bare_plane: Plane, live_server):
    """A plane with its own control plane, and a key that both know."""
    plane = bare_plane
    plane.publish_prices()
    plane.start_engine()
    plane.start_proxy(CONTROL_URL=live_server.url)
    return plane


def add_key(plane: Plane) -> str:
    api_key, secret = make_api_key()
    plane.add_key(
        api_key_id=api_key.pk,
        tenant_id=api_key.tenant_id,
        project_id=api_key.project_id,
        digest=bytes(api_key.digest).hex(),
    )
    return secret


def store(event: UsageEvent) -> None:
    store_usage_events([event])
    connections.close_all()  # of this thread


def get(plane: Plane, request_id: str, secret: str):
    return plane.client.get(
        PATH + request_id, headers={"authorization": f"Bearer {secret}"}
    )


@pytest.mark.django_db(transaction=True)
def test_a_call_finds_its_record_while_it_is_on_its_way(controlled: Plane):
    plane, secret = controlled, add_key(controlled)
    until(plane.is_ready)
    answer = until(lambda: (it := plane.chat(secret)).is_success and it)
    request_id = answer.headers["x-request-id"]
    (event,) = plane.events()
    arrival = threading.Timer(0.7, store, [event])
    arrival.start()
    record = get(plane, request_id, secret)
    arrival.join()
    assert record.status_code == 200
    usage = answer.json()["usage"]
    assert record.json()["id"] == request_id
    assert record.json()["usage"]["input_tokens"] == usage["prompt_tokens"]
    assert record.json()["usage"]["output_tokens"] == usage["completion_tokens"]


@pytest.mark.django_db(transaction=True)
def test_a_call_that_never_was_has_no_record(controlled: Plane):
    secret = add_key(controlled)
    until(controlled.is_ready)
    answer = until(
        lambda: (
            (it := get(controlled, "req_" + "0" * 32, secret)).status_code == 404 and it
        )
    )
    assert answer.json()["error"]["code"] == "usage_not_found"


def test_without_a_key_the_control_plane_is_not_asked(plane: Plane):
    assert plane.client.get(PATH + "x").status_code == 401


def test_without_a_control_plane_it_says_so(bare_plane: Plane):
    secret = bare_plane.add_key()
    bare_plane.publish_routes()
    bare_plane.start_proxy(CONTROL_URL=f"http://127.0.0.1:{any_free_port()}")
    answer = until(
        lambda: (it := get(bare_plane, "x", secret)).status_code == 503 and it
    )
    assert answer.json()["error"]["code"] == "usage_unavailable"
    assert answer.headers["retry-after"] == "5"
