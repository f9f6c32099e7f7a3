"""Which path answers what."""

import hashlib
import logging
import secrets
import uuid
from collections.abc import Callable
from http import HTTPStatus
from time import time
from typing import TypeVar

import msgspec

from inference.simulator import errors
from inference.simulator.answers import (
    Dialect,
    StreamedAnswer,
    WholeAnswer,
    WholeDialect,
)
from inference.simulator.blocks import BlockPool
from inference.simulator.dialects.embeddings import plan_embedding
from inference.simulator.dialects.images import plan_image
from inference.simulator.dialects.messages import counted, in_their_shape, plan_message
from inference.simulator.dialects.openai import plan_chat, plan_completion
from inference.simulator.dialects.responses import (
    missing_response,
    plan_response,
    stored_methods,
)
from inference.simulator.errors import Refusal
from inference.simulator.faults import FaultPlan, Kind
from inference.simulator.lease_routes import LeaseRoutes
from inference.simulator.leases import Leases
from inference.simulator.metrics import Metrics
from inference.simulator.scheduler import Scheduler
from inference.simulator.sequences import Listener
from inference.simulator.server import Exchange
from inference.simulator.settings import Settings
from inference.simulator.tokenizing import detokenized, tokenized

_log = logging.getLogger(__name__)
VERSION = "0.32.0"
"""The version of vLLM whose behaviour is followed."""
_Planned = TypeVar("_Planned", bound=WholeDialect)
_GUARDED = ("/v1", "/v2", "/inference", "/cohere")


class FaultOrder(msgspec.Struct):
    fault: str
    times: int = 1


class Engine:
    """Everything that the routes share."""

    def __init__(self, settings: Settings, *, restart: Callable[[], None]) -> None:
        """`restart` ends the process, and lets it begin anew."""
        self.settings = settings
        self._restart = restart
        self.metrics = Metrics(model=settings.model, block_count=settings.block_count)
        self.faults = FaultPlan(settings.fault, takes_orders=settings.faults)
        self._key_digest = hashlib.sha256(settings.key.encode()).digest()
        pool = BlockPool(settings.block_count)
        self._leases = Leases(pool, settings)
        self._scheduler = Scheduler(
            pool,
            self._leases,
            self.metrics,
            max_sequences=settings.max_sequences,
            tokens_per_second=settings.tokens_per_second,
            ttft_seconds=settings.ttft_seconds,
        )
        self._started_at = int(time())
        self._permission = _permission(self._started_at)
        self._routes = _ROUTES | _ROUTES_OF_TASK[settings.task]
        self._lease_routes = LeaseRoutes(
            self._leases, look_again=self._scheduler.look_again
        )

    def handle(self, exchange: Exchange) -> None:
        given = exchange.headers.get(b"x-request-id")
        exchange.request_id = given or uuid.uuid4().hex
        try:
            self._handle(exchange)
        except Refusal as refusal:
            is_theirs = exchange.path.startswith("/v1/messages")
            body = in_their_shape(refusal) if is_theirs else refusal.body
            exchange.respond(refusal.status, body)
        except Exception:  # noqa: BLE001 - one call must not end the others
            _log.exception("The simulator failed at %s.", exchange.path)
            exchange.respond(500, b"Internal Server Error", content_type="text/plain")

    def _handle(self, exchange: Exchange) -> None:
        path = exchange.path
        if path.startswith(_GUARDED):
            if not self._has_key(exchange):
                exchange.respond(401, b'{"error":"Unauthorized"}')
                return
            if self._answers_of_leases(exchange) or self._befall(exchange):
                return
        elif path == "/tokenize" and self._befall(exchange):
            return
        route = self._routes.get((exchange.method, path))
        if route is None:
            self._answer_without_route(exchange)
            return
        route(self, exchange)

    def _answers_of_leases(self, exchange: Exchange) -> bool:
        """Faults befall callers, and not the platform's own questions."""
        if self.settings.task != "generate":
            return False
        route = self._lease_routes.find(exchange.method, exchange.path)
        if route is not None:
            route(exchange)
        return route is not None

    def _has_key(self, exchange: Exchange) -> bool:
        if not self.settings.key:
            return True
        scheme, _, given = exchange.headers.get(b"authorization", "").partition(" ")
        digest = hashlib.sha256(given.encode("latin-1")).digest()
        return scheme.lower() == "bearer" and secrets.compare_digest(
            digest, self._key_digest
        )

    def _befall(self, exchange: Exchange) -> bool:
        """True: a fault has answered, or will never answer."""
        try:
            fault = self.faults.draw(exchange.headers.get(b"x-simulator-fault", ""))
        except ValueError as problem:
            raise Refusal(str(problem)) from problem
        exchange.suffer(fault)
        if fault is None:
            return False
        if fault.kind is Kind.LOSE:
            self._leases.lose_all()
            self._scheduler.look_again()
        if fault.kind is Kind.UNPIN:
            self._leases.break_pins()
        if fault.kind is Kind.RESTART:
            self._restart()
            return True
        if fault.kind is Kind.STATUS:
            status = HTTPStatus(fault.number)
            raise Refusal("A fault was asked for.", kind=status.phrase, status=status)
        if fault.kind is Kind.GARBAGE:
            exchange.respond(200, b"\x00\xff<html>}{ no such thing")
            return True
        if fault.kind is Kind.NOT_HTTP:
            exchange.send_raw(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
            return True
        # Without an answer there is nothing to run: no tokens, no counters.
        return fault.kind is Kind.HANG and fault.number == 0

    def health(self, exchange: Exchange) -> None:
        exchange.respond(200, b"")

    def show_metrics(self, exchange: Exchange) -> None:
        exchange.respond(
            200,
            self.metrics.text(),
            content_type="text/plain; version=1.0.0; charset=utf-8",
        )

    def show_version(self, exchange: Exchange) -> None:
        exchange.respond(200, msgspec.json.encode({"version": VERSION}))

    def show_load(self, exchange: Exchange) -> None:
        load = self.metrics.running + self.metrics.waiting
        exchange.respond(200, msgspec.json.encode({"server_load": load}))

    def list_models(self, exchange: Exchange) -> None:
        model = {
            "id": self.settings.model,
            "object": "model",
            "created": self._started_at,
            "owned_by": "vllm",
            "root": self.settings.model,
            "parent": None,
            "max_model_len": self.settings.context_tokens,
            "permission": [self._permission],
        }
        exchange.respond(200, msgspec.json.encode({"object": "list", "data": [model]}))

    def detokenize(self, exchange: Exchange) -> None:
        exchange.respond(200, detokenized(exchange.body, self.settings))

    def tokenize(self, exchange: Exchange) -> None:
        exchange.respond(200, tokenized(exchange.body, self.settings))

    def chat(self, exchange: Exchange) -> None:
        self._generate(exchange, plan_chat)

    def complete(self, exchange: Exchange) -> None:
        self._generate(exchange, plan_completion)

    def respond(self, exchange: Exchange) -> None:
        self._generate(exchange, plan_response)

    def send_message(self, exchange: Exchange) -> None:
        self._generate(exchange, plan_message)

    def count_message(self, exchange: Exchange) -> None:
        _refuse_other_media(exchange)
        exchange.respond(200, counted(exchange.body, self.settings))

    def embed(self, exchange: Exchange) -> None:
        self._make(exchange, plan_embedding)

    def draw(self, exchange: Exchange) -> None:
        self._make(exchange, plan_image)

    def _answer_without_route(self, exchange: Exchange) -> None:
        path = exchange.path
        allowed = [method for method, known in self._routes if known == path]
        if not allowed and self.settings.task == "generate":
            if refusal := missing_response(exchange.method, path):
                raise refusal
            allowed = stored_methods(path) or self._lease_routes.methods(path)
        if allowed:
            exchange.respond(
                HTTPStatus.METHOD_NOT_ALLOWED,
                b'{"detail":"Method Not Allowed"}',
                extra=f"allow: {', '.join(allowed)}\r\n",
            )
        else:
            exchange.respond(HTTPStatus.NOT_FOUND, b'{"detail":"Not Found"}')

    def order_fault(self, exchange: Exchange) -> None:
        if not self.faults.takes_orders:
            exchange.respond(HTTPStatus.NOT_FOUND, b'{"detail":"Not Found"}')
            return
        try:
            order = msgspec.json.decode(exchange.body, type=FaultOrder)
            self.faults.order(order.fault, order.times)
        except (msgspec.DecodeError, ValueError) as problem:
            raise Refusal(str(problem)) from problem
        exchange.respond(200, b"{}")

    def _generate(self, exchange: Exchange, plan: Callable[..., Dialect]) -> None:
        dialect = self._plan(exchange, plan)
        if dialect.is_streamed:
            answer = StreamedAnswer(exchange, dialect)
            answer.begin()
            self._run(exchange, dialect, answer)
        else:
            self._run(exchange, dialect, WholeAnswer(exchange, dialect))

    def _make(self, exchange: Exchange, plan: Callable[..., WholeDialect]) -> None:
        dialect = self._plan(exchange, plan)
        self._run(exchange, dialect, WholeAnswer(exchange, dialect))

    def _plan(self, exchange: Exchange, plan: Callable[..., _Planned]) -> _Planned:
        _refuse_other_media(exchange)
        # Without the caller's own id, the id in the body is not the one in the header.
        given = exchange.headers.get(b"x-request-id")
        return plan(
            exchange.body,
            request_id=given or secrets.token_hex(8),
            settings=self.settings,
        )

    def _run(self, exchange: Exchange, dialect: WholeDialect, answer: Listener) -> None:
        sequences = dialect.sequences
        if exchange.fault is not None:
            for sequence in sequences:
                sequence.suffer(exchange.fault)
        exchange.on_gone = lambda: self._scheduler.abort(sequences)
        self._scheduler.submit(sequences, answer)


def _permission(created_at: int) -> dict[str, object]:
    return {
        "id": f"modelperm-{secrets.token_hex(8)}",
        "object": "model_permission",
        "created": created_at,
        "allow_create_engine": False,
        "allow_sampling": True,
        "allow_logprobs": True,
        "allow_search_indices": False,
        "allow_view": True,
        "allow_fine_tuning": False,
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }


def _refuse_other_media(exchange: Exchange) -> None:
    media_type = exchange.headers.get(b"content-type", "").partition(";")[0]
    if media_type.strip().lower() != "application/json":
        raise errors.invalid_body(
            "Unsupported Media Type: Only 'application/json' is allowed", None
        )


_Route = Callable[[Engine, Exchange], None]
_ROUTES: dict[tuple[str, str], _Route] = {
    ("GET", "/health"): Engine.health,
    ("GET", "/ping"): Engine.health,
    ("POST", "/ping"): Engine.health,
    ("GET", "/metrics"): Engine.show_metrics,
    ("GET", "/version"): Engine.show_version,
    ("GET", "/load"): Engine.show_load,
    ("GET", "/v1/models"): Engine.list_models,
    ("POST", "/tokenize"): Engine.tokenize,
    ("POST", "/detokenize"): Engine.detokenize,
    ("POST", "/simulator/fault"): Engine.order_fault,
}
_ROUTES_OF_TASK: dict[str, dict[tuple[str, str], _Route]] = {
    "generate": {
        ("POST", "/v1/chat/completions"): Engine.chat,
        ("POST", "/v1/completions"): Engine.complete,
        ("POST", "/v1/responses"): Engine.respond,
        ("POST", "/v1/messages"): Engine.send_message,
        ("POST", "/v1/messages/count_tokens"): Engine.count_message,
    },
    "embed": {("POST", "/v1/embeddings"): Engine.embed},
    "image": {("POST", "/v1/images/generations"): Engine.draw},
}
