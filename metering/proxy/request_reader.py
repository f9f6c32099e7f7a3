"""Reads the requests of one connection: one at a time, strictly, within bounds."""

import asyncio
import time
from typing import Any

import httptools

from inference.domain.warm_order import WarmOrder
from metering.proxy import (
    answers,
    control_plane,
    errors,
    lease_routes,
    response_routes,
)
from metering.proxy.auth import (
    StaleSnapshotError,
    authenticate,
    authenticate_again,
    authenticate_digest,
)
from metering.proxy.errors import RefusedError
from metering.proxy.plane import Plane, Running, new_request_id
from metering.proxy.request_head import RequestHead, head_too_large
from metering.proxy.scopes import check_scope
from metering.proxy.settings import (
    BODY_BYTES_PER_SECOND_MIN,
    BUFFERED_BODY_BYTES_MAX,
    DISCARDED_BODY_BYTES_MAX,
    FRAMING_BYTES_MAX,
    FRAMING_FACTOR_MAX,
)
from metering.proxy.transform.endpoint import Endpoint
from metering.proxy.transform.endpoints import ENDPOINTS
from metering.proxy.warming import is_order, order_of
from tenants.wire import KeyPolicy

OPEN_PATHS = {b"/healthz", b"/readyz", b"/metrics"}
MODELS_PATH = b"/v1/models"


class RequestReader(asyncio.Protocol):
    """What a request is made of, until it is complete; `server.ClientConnection` serves
    and answers it.
    """

    __slots__ = (
        "_began_at", "_body", "_body_bytes", "_call", "_discarded_bytes", "_endpoint",
        "_head", "_in_head", "_is_busy", "_is_head_timed", "_is_pipelined",
        "_keep_alive", "_loop", "_order", "_parser", "_peer", "_plane", "_policy",
        "_received_at_us", "_refused", "_request_id", "_stalled_at_bytes", "_transport",
        "_wire_bytes", "deadline", "watched_slot",
    )  # fmt: skip

    _transport: asyncio.Transport
    _peer: object
    """What the socket says of its other end."""
    _began_at: float
    """Monotonic; set by the first read that did not bring a whole request."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._loop = asyncio.get_running_loop()
        self._parser: Any = httptools.HttpRequestParser(self)
        self._call: Running | None = None
        self._is_busy = self._is_pipelined = False
        self._stalled_at_bytes = -1
        self._body_bytes = 0
        self.deadline = float("inf")
        self.watched_slot = -1
        self._reset()

    def _reset(self) -> None:
        self._in_head = self._is_head_timed = False
        self._head = RequestHead()
        self._refused: RefusedError | None = None
        self._endpoint: Endpoint | None = None
        self._policy: KeyPolicy | None = None
        self._order: WarmOrder | None = None
        self._body: list[bytes] = []
        self._discarded_bytes = self._wire_bytes = 0
        self._request_id = ""
        self._keep_alive = True

    def data_received(self, data: bytes) -> None:
        if self._is_pipelined:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # Passed over: the request was served as it is (RFC 9110, 7.8).
            rest = data[upgrade.args[0] :]
            if rest and not self._transport.is_closing():
                self.data_received(rest)
        except httptools.HttpParserError as error:
            self._on_bad_http(error)
        else:
            if not self._is_busy:
                self._await_the_rest(len(data))

    def _await_the_rest(self, read_bytes: int) -> None:
        """A request that comes in one read, as most do, needs no deadline.

        The parser tells of a header when it is whole, and of chunks without what frames
        them: how much of either comes is bounded here.
        """
        if not self._wire_bytes:
            self._began_at = time.monotonic()
        self._wire_bytes += read_bytes
        if self._wire_bytes > FRAMING_BYTES_MAX and self._is_mostly_framing():
            self._refuse_and_close(
                head_too_large()
                if self._in_head
                else bad_http("The chunks have next to no content")
            )
        elif self._in_head:
            if not self._is_head_timed:  # no byte more gets it more time
                self._is_head_timed = True
                self._set_deadline(self._plane.settings.head_seconds)
        elif self._head.path:
            self._set_deadline(self._seconds_for_more())

    def _seconds_for_more(self) -> float:
        """The pause that a body may make; less when it lags behind the least pace."""
        longest = self._plane.settings.body_seconds
        paid_for = longest + self._wire_bytes / BODY_BYTES_PER_SECOND_MIN
        return min(longest, self._began_at + paid_for - time.monotonic())

    def _is_mostly_framing(self) -> bool:
        if not self._head.is_chunked:
            return self._in_head
        body_bytes = self._body_bytes + self._discarded_bytes
        return self._wire_bytes > FRAMING_BYTES_MAX + FRAMING_FACTOR_MAX * body_bytes

    def _on_bad_http(self, error: Exception) -> None:
        cause = error.__cause__ or error.__context__
        if isinstance(error, httptools.HttpParserCallbackError) and not isinstance(
            cause, RefusedError
        ):
            raise error  # a bug of ours, not the caller's HTTP
        if self._is_busy:
            self._is_pipelined = True
        elif isinstance(cause, RefusedError):
            self._refuse_and_close(cause)
        else:
            self._refuse_and_close(bad_http(str(error)))

    def on_message_begin(self) -> None:
        if self._is_busy:
            self._is_pipelined = True
            return
        self._reset()
        self._in_head = True
        self._received_at_us = time.time_ns() // 1000
        self._request_id = new_request_id()

    def on_url(self, url: bytes) -> None:
        if not self._is_pipelined:
            self._head.add_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head and not self._is_pipelined:  # else it is a trailer
            self._head.add_header(name, value)

    def on_headers_complete(self) -> None:
        if self._is_pipelined:
            return
        self._in_head = False
        self._keep_alive = self._parser.should_keep_alive()
        self._head.complete(method=self._parser.get_method())
        try:
            self._check_head()
        except StaleSnapshotError as stale:
            # Decided with a fresh snapshot, when the request is complete.
            self._refused = stale
            self._continue_if_expected()
        except RefusedError as error:
            self._refused = error
            if self._head.has_body:
                self._send_refusal(error)
        else:
            self._continue_if_expected()

    def _continue_if_expected(self) -> None:
        if self._head.expects_continue and self._head.has_body:
            self._transport.write(answers.CONTINUE)

    def _check_head(self) -> None:
        """Raises RefusedError."""
        if self._parser.should_upgrade() and self._head.has_body:
            self._keep_alive = False  # the parser would take the body for what follows
            raise bad_http("Upgrades are not supported")
        if self._parser.get_http_version() != "1.1":
            raise RefusedError(errors.OLD_HTTP, "Please speak HTTP/1.1.")
        self._endpoint = ENDPOINTS.get(self._head.path)
        if not self._is_known():
            path = self._head.path[:200].decode("latin-1")
            raise RefusedError(
                errors.UNKNOWN_ROUTE, f"Unknown request URL: {path}. Is it below /v1?"
            )
        allowed = self._allowed_methods()
        if self._head.method not in allowed and not self._is_preflight():
            raise RefusedError(
                errors.WRONG_METHOD,
                f"Method not allowed here; use {b' or '.join(allowed).decode()}.",
            )
        if self._head.path not in OPEN_PATHS and self._head.method != b"OPTIONS":
            if is_order(self._head):
                snapshot_key = self._plane.settings.snapshot_key
                self._order = order_of(
                    self._head, self._endpoint, snapshot_key=snapshot_key
                )
            self._policy = self._authenticate()
        self._check_length(self._head.content_length)

    def _is_known(self) -> bool:
        path = self._head.path
        return bool(
            self._endpoint
            or path in OPEN_PATHS
            or path == MODELS_PATH
            or path.startswith(MODELS_PATH + b"/")
            or response_routes.allowed_methods(path)
            or lease_routes.allowed_methods(path)
            or control_plane.allowed_methods(path)
        )

    def _authenticate(self) -> KeyPolicy:
        """Raises RefusedError."""
        if self._order is None:
            policy = authenticate(self._head, self._plane.snapshots)
            check_scope(policy, self._head.path, self._endpoint)
            return policy
        digest = bytes.fromhex(self._order.key_digest)
        return authenticate_digest(digest, self._plane.snapshots)

    def _allowed_methods(self) -> tuple[bytes, ...]:
        if self._endpoint:
            return (b"POST",)
        path = self._head.path
        return (
            response_routes.allowed_methods(path)
            or lease_routes.allowed_methods(path)
            or control_plane.allowed_methods(path)
            or (b"GET",)
        )

    def _is_from_portal(self) -> bool:
        return self._head.origin == self._plane.settings.portal_origin

    def _is_preflight(self) -> bool:
        """A browser asks whether a script of the portal may call; without a key."""
        is_open = self._head.path in OPEN_PATHS
        is_asked = self._head.method == b"OPTIONS" and self._is_from_portal()
        return is_asked and not is_open

    def _check_length(self, length: int) -> None:
        limit = self._plane.settings.body_bytes_max
        if not self._endpoint and control_plane.allowed_methods(self._head.path):
            limit = min(limit, control_plane.BODY_BYTES_MAX)
        if length > limit:
            raise RefusedError(
                errors.BODY_TOO_LARGE, f"The body is larger than {limit} bytes."
            )
        if self._plane.buffered_bytes + length > BUFFERED_BODY_BYTES_MAX:
            raise RefusedError(
                errors.OVERLOADED,
                "Too many large requests at once. Please retry shortly.",
                retry_after_seconds=1,
            )

    def on_body(self, data: bytes) -> None:
        if self._is_pipelined:
            return
        if self._refused is not None and not isinstance(
            self._refused, StaleSnapshotError
        ):
            self._discard(data)
            return
        self._body.append(data)
        self._body_bytes += len(data)
        self._plane.buffered_bytes += len(data)
        if self._head.is_chunked:
            try:
                self._check_length(self._body_bytes)
            except RefusedError as error:
                self._refused = error
                self._drop_body()
                self._send_refusal(error)

    def _discard(self, data: bytes) -> None:
        """A refused caller may finish sending: closing early would reset its
        connection before it reads the answer.
        """
        self._discarded_bytes += len(data)
        if self._discarded_bytes > DISCARDED_BODY_BYTES_MAX:
            self._transport.abort()

    def on_message_complete(self) -> None:
        if self._is_pipelined:
            return
        self._is_busy = True
        self.deadline = float("inf")
        if isinstance(self._refused, StaleSnapshotError):
            task = self._loop.create_task(self._look_again())
            task.add_done_callback(raise_bugs)
        elif self._refused is None:
            self._serve()
        elif self._head.has_body:
            self._next_request()  # its refusal was sent with the head
        else:
            self.refuse(self._refused)

    async def _look_again(self) -> None:
        snapshots = self._plane.snapshots
        is_fresh = await snapshots.refresh_for_unknown()
        if self._transport.is_closing():
            return
        try:
            self._refused = None
            self._policy = authenticate_again(self._authenticate, is_fresh=is_fresh)
            self._check_length(self._head.content_length)
        except RefusedError as error:
            self.refuse(error)
            return
        self._serve()

    def _drop_body(self) -> None:
        self._plane.buffered_bytes -= self._body_bytes
        self._body_bytes = 0
        self._body.clear()

    def _set_deadline(self, seconds: float) -> None:
        self._plane.deadlines.set(self, seconds)

    def _serve(self) -> None:
        """The request is complete and may be served."""
        raise NotImplementedError

    def refuse(self, error: RefusedError) -> None:
        """Answers the complete request."""
        raise NotImplementedError

    def _send_refusal(self, error: RefusedError) -> None:
        """Answers before the request is complete."""
        raise NotImplementedError

    def _refuse_and_close(self, error: RefusedError) -> None:
        raise NotImplementedError

    def _next_request(self) -> None:
        """The answer is complete."""
        raise NotImplementedError

    def on_deadline(self) -> None:
        raise NotImplementedError


def bad_http(detail: str) -> RefusedError:
    return RefusedError(errors.BAD_HTTP, f"This is not valid HTTP: {detail}.")


def raise_bugs(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        raise error
