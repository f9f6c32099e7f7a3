"""The part of Stripe that Tokenfab uses, as an HTTP server on this machine.

It keeps state: what was paid stays paid, a key that comes again gets its first answer
again, and every change is an event for the endpoints. `sim.store`, `sim.webhooks` and
`sim.faults` are for the test that plays the people, the banks and the weather.
"""

import enum
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.stripe_sim.forms import decode_form
from tests.stripe_sim.objects import Resource
from tests.stripe_sim.refusals import RefusalError
from tests.stripe_sim.routes import answer
from tests.stripe_sim.store import Clock, Store
from tests.stripe_sim.webhooks import Webhooks

SECRET_KEY = "sk_test_sim"
WEBHOOK_SECRET = "whsec_sim"
_DAY_SECONDS = 86_400


class Fault(enum.Enum):
    """What goes wrong with one request."""

    ERROR_BEFORE = enum.auto()
    """500, and nothing was done or remembered."""
    ERROR_AFTER = enum.auto()
    """It is done; the answer, remembered under the key, is 500."""
    LOST_BEFORE = enum.auto()
    """The connection breaks before anything was done."""
    LOST_AFTER = enum.auto()
    """It is done; the connection breaks before the answer."""
    SILENCE = enum.auto()
    """It is done; no answer comes as long as the simulator runs."""


@dataclass
class _Remembered:
    request: tuple[str, str, str]
    status: int
    body: bytes
    at: int


@dataclass
class StripeSim:
    clock: Clock
    store: Store
    webhooks: Webhooks
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    """("POST /v1/refunds", fault): each strikes once, the first that fits."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """("POST /v1/refunds", idempotency key or "")."""
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)
    closing: threading.Event = field(default_factory=threading.Event)
    _remembered: dict[str, _Remembered] = field(default_factory=dict)

    def count(self, request: str) -> int:
        return sum(made == request for made, _ in self.requests)

    def respond(
        self, method: str, path: str, *, body: str, key: str | None
    ) -> tuple[int, bytes]:
        """Status and body. With a key: once."""
        request = (method, path, body)
        if key is not None and (known := self._known(key)):
            if known.request != request:
                return _error(_REUSED, HTTPStatus.BAD_REQUEST)
            return known.status, known.body
        status, answered = self._act(method, path, decode_form(body))
        # Stripe remembers what an endpoint came to, not what it refused to look at.
        if key is not None and status != HTTPStatus.NOT_FOUND:
            self._remembered[key] = _Remembered(
                request, status, answered, self.clock.now
            )
        return status, answered

    def _known(self, key: str) -> _Remembered | None:
        known = self._remembered.get(key)
        is_kept = known and known.at > self.clock.now - _DAY_SECONDS
        return known if is_kept else None

    def forget_answer(self, key: str) -> None:
        """As if it had been 500: the effect stays."""
        known = self._remembered[key]
        known.status, known.body = _error(_BROKEN, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _act(self, method: str, path: str, params: Resource) -> tuple[int, bytes]:
        try:
            found = answer(self.store, method, path, params)
        except RefusalError as refusal:
            return refusal.status, json.dumps(refusal.body).encode()
        return 200, json.dumps(found).encode()

    def strike(self, request: str) -> Fault | None:
        for place, (where, fault) in enumerate(self.faults):
            if where == request:
                del self.faults[place]
                return fault
        return None


_REUSED = {
    "type": "idempotency_error",
    "message": (
        "Keys for idempotent requests can only be used with the same parameters they"
        " were first used with."
    ),
}
_BROKEN = {"type": "api_error", "message": "An unknown error occurred."}
_STRANGER = {"type": "invalid_request_error", "message": "Invalid API Key provided."}


def _error(error: dict[str, str], status: HTTPStatus) -> tuple[int, bytes]:
    return status.value, json.dumps({"error": error}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sim: StripeSim

    def do_GET(self) -> None:
        self._serve(urlsplit(self.path).query)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self._serve(self.rfile.read(length).decode())

    def _serve(self, body: str) -> None:
        path = urlsplit(self.path).path
        request = f"{self.command} {path}"
        key = self.headers.get("Idempotency-Key")
        if self.headers.get("Authorization") != f"Bearer {SECRET_KEY}":
            self._send(*_error(_STRANGER, HTTPStatus.UNAUTHORIZED))
            return
        with self.sim.lock:
            self.sim.requests.append((request, key or ""))
            fault = self.sim.strike(request)
            if fault is Fault.LOST_BEFORE:
                self.close_connection = True
                return
            if fault is Fault.ERROR_BEFORE:
                self._send(*_error(_BROKEN, HTTPStatus.INTERNAL_SERVER_ERROR))
                return
            status, answered = self.sim.respond(self.command, path, body=body, key=key)
            if fault is Fault.ERROR_AFTER:
                if key:
                    self.sim.forget_answer(key)
                status, answered = _error(_BROKEN, HTTPStatus.INTERNAL_SERVER_ERROR)
        if fault is Fault.SILENCE:
            self.sim.closing.wait()
        if fault in {Fault.LOST_AFTER, Fault.SILENCE}:
            self.close_connection = True
            return
        self._send(status, answered)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Request-Id", "req_sim")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """A test's output is the test's."""


@contextmanager
def run_stripe_sim(*, seed: int = 0, now: int | None = None) -> Iterator[StripeSim]:
    clock = Clock(int(time.time()) if now is None else now)
    webhooks = Webhooks(clock, WEBHOOK_SECRET, random.Random(seed))  # noqa: S311
    sim = StripeSim(clock, Store(clock, webhooks.add), webhooks)
    handler = type("Handler", (_Handler,), {"sim": sim})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    sim.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield sim
    finally:
        sim.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
