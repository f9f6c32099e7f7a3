"""What the proxy passes on to the control plane."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

import pytest
from django.db import connections

from config.supervisor.ports import any_free_port
from metering.services.store_usage_events import store_usage_events
from metering.wire import UsageEvent
from tenants.domain import api_keys
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


class _Control(ThreadingHTTPServer):
    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Answering)
        self.asked = []
        """What came, in order."""
        self.plan = []
        """(status, body) of the next answers; status 0: none comes."""


class _Answering(BaseHTTPRequestHandler):
    """A control plane that tells what it was asked. The real one is in the tests of its
    own routes; here what is passed on is to be seen, and how it may fail.
    """

    protocol_version = "HTTP/1.1"

    def answer(self):
        control = cast("_Control", self.server)
        length = int(self.headers.get("content-length", 0))
        asked = {
            "method": self.command,
            "target": self.path,
            "authorization": self.headers["authorization"],
            "idempotency_key": self.headers.get("idempotency-key"),
            "host": self.headers["host"],
            "body": self.rfile.read(length).decode(),
        }
        control.asked.append(asked)
        status, body = (
            control.plan.pop(0) if control.plan else (200, json.dumps(asked).encode())
        )
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815  its own names

    def log_message(self, *_):
        pass


@pytest.fixture
def control():
    server = _Control()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def passing(bare_plane: Plane, control):
    """(a function that asks the proxy, its control plane)."""
    plane = bare_plane
    secret = plane.add_key()
    plane.publish_routes()
    plane.start_proxy(CONTROL_URL=f"http://127.0.0.1:{control.server_port}")

    def ask(method, path, **more):
        headers = {"authorization": f"Bearer {secret}", **more.pop("headers", {})}
        return plane.client.request(method, path, headers=headers, **more)

    until(lambda: ask("GET", "/v1/cached_prompts").status_code == 200)
    control.asked.clear()
    return ask, control, secret


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/cached_prompts?limit=3&after=cp_1"),
        ("POST", "/v1/cached_prompts"),
        ("GET", "/v1/cached_prompts/cp_1"),
        ("PATCH", "/v1/cached_prompts/my%20prompt"),
        ("DELETE", "/v1/cached_prompts/cp_1"),
        ("GET", "/v1/cached_prompts/cp_1/events?after=7"),
        ("POST", "/v1/kv_quotes"),
    ],
)
def test_it_passes_on_what_was_asked_and_what_is_answered(passing, method, path):
    ask, _, secret = passing
    body = "" if method in {"GET", "DELETE"} else '{"name": "ß"}'
    headers = {"idempotency-key": "k 1"}
    answer = ask(method, path, content=body.encode(), headers=headers)
    assert answer.json() == {
        "method": method,
        "target": path,
        "authorization": f"Bearer {secret}",
        "idempotency_key": "k 1",
        "host": "127.0.0.1",
        "body": body,
    }


@pytest.mark.parametrize("status", [201, 400, 401, 402, 404, 409, 422, 503])
def test_a_refusal_is_the_control_planes_own(passing, status):
    ask, control, _ = passing
    control.plan.append((status, b'{"error": {"code": "of_its_own"}}'))
    answer = ask("POST", "/v1/cached_prompts", content=b"{}")
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == "of_its_own"


@pytest.mark.parametrize(
    "odd", [(500, b"<html>"), (302, b"{}"), (200, b"welcome"), (0, b"")]
)
def test_what_makes_no_sense_is_not_passed_on(passing, odd):
    ask, control, _ = passing
    control.plan.append(odd)
    answer = ask("POST", "/v1/kv_quotes", content=b"{}")
    assert answer.status_code == 503
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == (
        "control_plane_unavailable",
        "server_error",
    )
    assert "look before you retry" in error["message"]
    assert answer.headers["retry-after"] == "5"


def test_only_reading_is_tried_again(passing):
    ask, control, _ = passing
    control.plan.append((0, b""))
    assert ask("GET", "/v1/cached_prompts/cp_1").status_code == 200
    assert len(control.asked) == 2
    for method in ("POST", "PATCH", "DELETE"):
        control.asked.clear()
        control.plan.append((0, b""))
        path = "/v1/cached_prompts" + ("" if method == "POST" else "/cp_1")
        assert ask(method, path).status_code == 503
        assert len(control.asked) == 1


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/cached_prompts", "GET, POST"),
        ("POST", "/v1/cached_prompts/cp_1", "GET, PATCH, DELETE"),
        ("DELETE", "/v1/cached_prompts/cp_1/events", "GET"),
        ("GET", "/v1/kv_quotes", "POST"),
    ],
)
def test_it_refuses_other_methods(passing, method, path, allowed):
    ask, control, _ = passing
    answer = ask(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert not control.asked


@pytest.mark.parametrize(
    "path", ["/v1/cached_prompts/", "/v1/cached_prompts/a/b", "/v1/kv_quotes/1"]
)
def test_it_refuses_other_paths(passing, path):
    ask, control, _ = passing
    answer = ask("GET", path)
    assert answer.json()["error"]["code"] == "unknown_url"
    assert not control.asked


def test_it_refuses_a_body_that_is_too_large(passing):
    ask, control, _ = passing
    answer = ask("POST", "/v1/cached_prompts", content=b"x" * (4 * 2**20 + 1))
    assert answer.json()["error"]["code"] == "body_too_large"
    assert not control.asked
    content = json.dumps({"name": "x" * (4 * 2**20 - 100)}).encode()
    assert ask("POST", "/v1/cached_prompts", content=content).status_code == 200


def test_it_refuses_a_stranger(passing):
    ask, control, _ = passing
    headers = {"authorization": f"Bearer {api_keys.make('live')}"}
    answer = ask("GET", "/v1/cached_prompts", headers=headers)
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert not control.asked
