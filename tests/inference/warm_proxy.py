"""A server that obeys warm orders as the proxy does: it reads the order, has a real
engine hold the prompt, and tells what came of it.
"""

import contextlib
import json
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from django.conf import settings

from inference.domain import lease_terms, warm_order
from inference.domain.lease_terms import LeaseTerms, Tier
from inference.domain.warm_order import WarmOrder
from inference.models import Engine
from tests.engine_contract.engines import EngineUnderTest
from tests.engine_contract.lease_engines import ENGINE_ID, Control

_FULL = {
    "message": "There is no room for the cached prompt on this engine.",
    "type": "invalid_request_error",
    "param": None,
    "code": "kv_capacity_exhausted",
}


@dataclass
class WarmProxy:
    engines: dict[int, EngineUnderTest] = field(default_factory=dict)
    orders: list[WarmOrder] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    refusal: tuple[int, dict[str, Any]] | None = None
    """Answered to every call, in place of a lease."""
    full: set[int] = field(default_factory=set)
    """Engines that have no room, whatever the books say."""
    before_answer: Any = None
    """Called when the engine has the lease and nobody knows yet."""

    def obey(self, order: WarmOrder, body: dict[str, Any]) -> tuple[int, Any]:
        self.orders.append(order)
        self.bodies.append(body)
        if self.refusal:
            return self.refusal[0], {"error": self.refusal[1]}
        if order.engine_id in self.full:
            return 409, {"error": _FULL}
        engine = self.engines[order.engine_id]
        terms = _terms(order)
        key = lease_terms.derive_key(engine.key)
        lease = {"lease": lease_terms.sign(terms, key=key)}
        added: dict[str, Any] = {"cache_salt": "salt", "kv_transfer_params": lease}
        if "tools" in body:
            added["tool_choice"] = "none"
        answer = engine.post("/v1/chat/completions", body | added)
        if answer.status_code != 200:
            return answer.status_code, answer.json()
        told = answer.json()["kv_transfer_params"]["lease"]
        if self.before_answer:
            self.before_answer()
        if told["fact"] != "granted":
            return 409, {"error": _FULL}
        return 200, _answer(order, terms, engine, told, answer.json()["usage"])


def _terms(order: WarmOrder) -> LeaseTerms:
    host = order.ttl_ms if order.tier in {Tier.HOST, Tier.AUTO} else 0
    return LeaseTerms(
        lease_id=uuid.uuid4().hex,
        tenant_id=TENANT_OF_ORDERS,
        engine_id=ENGINE_ID,
        lease_class=order.lease_class,
        tier=order.tier,
        ttl_ms=0 if order.tier in {Tier.HOST, Tier.DISK} else order.ttl_ms,
        host_ttl_ms=host,
        disk_ttl_ms=order.ttl_ms if order.tier is Tier.DISK else 0,
        value=1,
        previous=order.previous,
        issued_at_ms=time.time_ns() // 1_000_000,
    )


TENANT_OF_ORDERS = "7"
"""The real proxy knows the tenant by the key; tests make it with this id."""


def _answer(order, terms, engine, told, usage):
    control = Control(engine)
    state = control.read(f"leases/{terms.lease_id}", tenant_id=terms.tenant_id)
    status = control.status
    ends_at = time.time() + order.ttl_ms / 1000
    return {
        "usage": usage,
        "kv_lease": {
            "id": f"kvl_{terms.lease_id}",
            "status": "granted",
            "tokens": state["tokens"],
            "bytes": state["bytes"],
            "tier": told["tier"],
            "expires_at": datetime.fromtimestamp(ends_at, UTC).isoformat(),
            "warm": {
                "engine_id": order.engine_id,
                "epoch": status["epoch"],
                "last_hash": state["last_hash"],
                "block_tokens": status["block_tokens"],
                "block_bytes": status["block_bytes"],
            },
        },
    }


def _handler(proxy: WarmProxy):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            raw = self.rfile.read(int(self.headers["content-length"]))
            order = warm_order.verify(
                self.headers["authorization"].removeprefix("Bearer "),
                key=warm_order.derive_key(settings.SNAPSHOT_KEY),
                now_ms=time.time_ns() // 1_000_000,
            )
            status, document = proxy.obey(order, json.loads(raw))
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    return Handler


@contextlib.contextmanager
def run_warm_proxy():
    """The proxy and its URL."""
    proxy = WarmProxy()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield proxy, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def held_by(engine: EngineUnderTest) -> list[str]:
    """Ids of the leases that the engine holds."""
    return [lease["lease_id"] for lease in Control(engine).leases()]


def address_of(engine: EngineUnderTest) -> str:
    return f"unix:{engine.socket}"


def is_answering(engine: Engine) -> bool:
    try:
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=engine.address.removeprefix("unix:"))
        ) as client:
            return client.get("http://engine/health").status_code == 200
    except httpx.HTTPError:
        return False
