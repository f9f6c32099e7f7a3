"""Connections from clients: one request at a time, strictly read, always answered."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import httptools
import msgspec

from metering.proxy import answers, errors, response_routes, usage_records
from metering.proxy.auth import (
    StaleSnapshotError,
    authenticate,
    authenticate_again,
    secret_of,
)
from metering.proxy.background import Running, make_response_call
from metering.proxy.errors import Dialect, RefusedError
from metering.proxy.idempotency import Attempt, record_of
from metering.proxy.pipeline import Call
from metering.proxy.plane import Plane, new_request_id
from metering.proxy.request_head import RequestHead, head_too_large
from metering.proxy.response_routes import ResponseRequest
from metering.proxy.settings import (
    BUFFERED_BODY_BYTES_MAX,
    CLIENT_WRITE_HIGH_BYTES,
    CLIENTS_MAX,
    DISCARDED_BODY_BYTES_MAX,
    FRAMING_BYTES_MAX,
    FRAMING_FACTOR_MAX,
)
from metering.proxy.transform.dialects.responses import RESPONSES
from metering.proxy.transform.endpoint import Endpoint
from metering.proxy.transform.endpoints import ENDPOINTS
from metering.proxy.transform.request import parse
from tenants.wire import KeyPolicy

_OPEN_PATHS = {b"/healthz", b"/readyz", b"/metrics"}
_MODELS_PATH = b"/v1/models"


class ClientConnection(asyncio.Protocol):
    __slots__ = (
        "_body", "_body_bytes", "_call", "_discarded_bytes", "_endpoint", "_head",
        "_in_head", "_is_busy", "_is_head_timed", "_is_pipelined", "_keep_alive",
        "_loop", "_parser", "_plane", "_policy", "_received_at_us", "_refused",
        "_request_id", "_stalled_at_bytes", "_transport", "_wire_bytes", "deadline",
        "watched_slot",
    )  # fmt: skip

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
        self._body: list[bytes] = []
        self._discarded_bytes = self._wire_bytes = 0
        self._request_id = ""
        self._keep_alive = True

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=CLIENT_WRITE_HIGH_BYTES)
        self._plane.clients += 1
        if self._plane.clients > CLIENTS_MAX:
            self._refuse_and_close(
                RefusedError(
                    errors.OVERLOADED,
                    "Too many connections. Please retry shortly.",
                    retry_after_seconds=1,
                )
            )
        self._set_deadline(self._plane.settings.idle_client_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._plane.deadlines.clear(self)
        self._plane.clients -= 1
        self._drop_body()
        call, self._call = self._call, None
        if call is not None:
            call.client_gone()

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
        self._wire_bytes += read_bytes
        if self._wire_bytes > FRAMING_BYTES_MAX and self._is_mostly_framing():
            self._refuse_and_close(
                head_too_large()
                if self._in_head
                else _bad_http("The chunks have next to no content")
            )
        elif self._in_head:
            if not self._is_head_timed:  # no byte more gets it more time
                self._is_head_timed = True
                self._set_deadline(self._plane.settings.head_seconds)
        elif self._head.path:
            self._set_deadline(self._plane.settings.body_seconds)

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
            self._refuse_and_close(_bad_http(str(error)))

    def pause_writing(self) -> None:
        self._stalled_at_bytes = self._transport.get_write_buffer_size()
        self._set_deadline(self._plane.settings.stalled_client_seconds)
        if self._call is not None:
            self._call.pause()

    def resume_writing(self) -> None:
        self._stalled_at_bytes = -1
        if self._is_busy:
            self.deadline = float("inf")
        else:  # the answer was whole before it could leave
            self._set_deadline(self._plane.settings.idle_client_seconds)
        if self._call is not None:
            self._call.resume()

    def on_deadline(self) -> None:
        if self._stalled_at_bytes >= 0:
            waiting = self._transport.get_write_buffer_size()
            if waiting < self._stalled_at_bytes:
                self._stalled_at_bytes = waiting
                self._set_deadline(self._plane.settings.stalled_client_seconds)
            else:
                self._transport.abort()
        elif self._is_busy:
            return
        elif self._in_head or self._head.path:
            self._refuse_and_close(
                RefusedError(errors.TOO_SLOW, "The request came too slowly.")
            )
        else:
            self._transport.close()

    # The parser's side.

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
        except StaleSnapshotError as error:
            # Decided with a fresh snapshot, when the request is complete.
            self._refused = error
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
            raise _bad_http("Upgrades are not supported")
        if self._parser.get_http_version() != "1.1":
            raise RefusedError(errors.OLD_HTTP, "Please speak HTTP/1.1.")
        self._endpoint = ENDPOINTS.get(self._head.path)
        is_read = self._head.path == _MODELS_PATH or self._head.path.startswith(
            (_MODELS_PATH + b"/", usage_records.PATH, response_routes.PREFIX)
        )
        if not (self._endpoint or is_read or self._head.path in _OPEN_PATHS):
            path = self._head.path[:200].decode("latin-1")
            raise RefusedError(
                errors.UNKNOWN_ROUTE, f"Unknown request URL: {path}. Is it below /v1?"
            )
        allowed = self._allowed_methods()
        if self._head.method not in allowed:
            raise RefusedError(
                errors.WRONG_METHOD,
                f"Method not allowed here; use {b' or '.join(allowed).decode()}.",
            )
        if self._head.path not in _OPEN_PATHS:
            self._policy = authenticate(self._head, self._plane.snapshots)
        self._check_length(self._head.content_length)

    def _allowed_methods(self) -> tuple[bytes, ...]:
        if self._endpoint:
            return (b"POST",)
        return response_routes.allowed_methods(self._head.path) or (b"GET",)

    def _check_length(self, length: int) -> None:
        limit = self._plane.settings.body_bytes_max
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
            task.add_done_callback(_raise_bugs)
        elif self._refused is None:
            self._serve()
        elif self._head.has_body:
            self._next_request()  # its refusal was sent with the head
        else:
            self.refuse(self._refused)

    async def _look_again(self) -> None:
        snapshots = self._plane.snapshots
        is_fresh = await snapshots.refresh_for_unknown_key()
        if self._transport.is_closing():
            return
        try:
            self._refused = None
            self._policy = authenticate_again(self._head, snapshots, is_fresh=is_fresh)
            self._check_length(self._head.content_length)
        except RefusedError as error:
            self.refuse(error)
            return
        self._serve()

    # Serving one request.

    def _serve(self) -> None:
        if self._endpoint is not None and self._policy is not None:
            self._begin_call(self._endpoint, self._policy)
        elif self._head.path == b"/healthz":
            self._answer(200, answers.TEXT, b"ok\n")
        elif self._head.path == b"/readyz":
            self._answer_readiness()
        elif self._head.path == b"/metrics":
            observer = self._plane.observer
            observer.in_flight.set(len(self._plane.calls))
            observer.clients.set(self._plane.clients)
            observer.buffered_body_bytes.set(self._plane.buffered_bytes)
            self._answer(200, answers.TEXT, observer.text())
        elif self._head.path.startswith(usage_records.PATH):
            task = self._loop.create_task(self._answer_usage_record())
            task.add_done_callback(_raise_bugs)
        elif self._policy is None:
            return
        elif self._head.path.startswith(response_routes.PREFIX):
            self._call = ResponseRequest(
                self._plane,
                self,
                self._policy,
                method=self._head.method,
                path=self._head.path,
            )
            self._call.start()
        else:
            self._answer_models(self._policy)

    def _begin_call(self, endpoint: Endpoint, policy: KeyPolicy) -> None:
        body = b"".join(self._body)
        self._body.clear()
        call: Running
        make_call = make_response_call if endpoint is RESPONSES else Call
        try:
            if self._head.idempotency_key is None:
                call = make_call(
                    self._plane,
                    self,
                    request_id=self._request_id,
                    received_at_us=self._received_at_us,
                    policy=policy,
                    request=parse(endpoint, body),
                    body_bytes=self._body_bytes,
                )
            else:
                call = self._attempt(make_call, endpoint, policy, body)
        except RefusedError as error:
            self.refuse(error)
            return
        self._body_bytes = 0  # the call gives them back
        self._call = call
        call.start()

    def _attempt(
        self,
        make_call: Callable[..., Running],
        endpoint: Endpoint,
        policy: KeyPolicy,
        body: bytes,
    ) -> Attempt:
        """Raises RefusedError."""
        make_call = partial(
            make_call,
            self._plane,
            request_id=self._request_id,
            received_at_us=self._received_at_us,
            policy=policy,
            request=parse(endpoint, body),
        )
        key = self._head.idempotency_key or b""
        return Attempt(
            self._plane,
            self,
            record_of(key, policy, path=endpoint.path, body=body),
            make_call,
            request_id=self._request_id,
            body_bytes=self._body_bytes,
        )

    def answer_as(self, request_id: str) -> None:
        """The answer is that of an earlier call (idempotency.Caller)."""
        self._request_id = request_id

    def _answer_readiness(self) -> None:
        is_ready, state = self._plane.router.readiness()
        if self._plane.is_draining:
            is_ready, state = False, {"status": "draining"}
        status = 200 if is_ready else 503
        extra = b"" if is_ready else b"retry-after: 2\r\n"
        self._answer(status, answers.JSON + extra, msgspec.json.encode(state))

    def _answer_models(self, policy: KeyPolicy) -> None:
        name = self._head.path.removeprefix(_MODELS_PATH).removeprefix(b"/")
        routes = self._plane.admitter.visible_routes(policy)
        try:
            document = answers.models_document(routes, name.decode("latin-1"))
        except RefusedError as error:
            self.refuse(error)
        else:
            self._answer(200, answers.JSON, document)

    async def _answer_usage_record(self) -> None:
        secret = secret_of(self._head).encode("latin-1")
        try:
            status, document = await self._plane.usage_records.find(
                self._head.path, secret=secret
            )
        except RefusedError as error:
            if not self._transport.is_closing():
                self.refuse(error)
            return
        if not self._transport.is_closing():
            self._answer(status, answers.JSON, document)

    # What a call says (pipeline.Client).

    def refuse(self, error: RefusedError) -> None:
        self._call = None
        self._send_refusal(error)
        self._next_request()

    def send_whole(self, headers: bytes, body: bytes) -> None:
        self._call = None
        self._answer(200, answers.JSON + headers, body)

    def begin_stream(self, headers: bytes, first: bytes) -> None:
        self._observe(200)
        standing = self._standing_headers()
        self._transport.write(answers.STREAM_HEAD + headers + standing + first)

    def send(self, data: bytes) -> None:
        self._transport.write(data)

    def end_stream(self, rest: bytes) -> None:
        self._call = None
        self._transport.write(rest)
        self._next_request()

    def break_off(self) -> None:
        self._call = None
        self._transport.abort()

    # Answers.

    def _answer(self, status: int, headers: bytes, body: bytes) -> None:
        self._write_answer(status, headers, body)
        self._next_request()

    def _send_refusal(self, error: RefusedError) -> None:
        self._plane.observer.refusals[error.refusal.code] += 1
        headers = answers.JSON + error.headers()
        if error.refusal is errors.WRONG_METHOD:
            headers += b"allow: %b\r\n" % b", ".join(self._allowed_methods())
        self._request_id = self._request_id or new_request_id()
        body = error.body(self._dialect(), request_id=self._request_id)
        self._write_answer(error.refusal.status, headers, body)

    def _dialect(self) -> Dialect:
        if self._endpoint is not None:
            return self._endpoint.dialect
        return answers.dialect_of(self._head.path)

    def _refuse_and_close(self, error: RefusedError) -> None:
        self._keep_alive = False
        if not self._is_busy and not self._is_answered:
            self._send_refusal(error)
        self._transport.close()

    @property
    def _is_answered(self) -> bool:
        """Refused with its head or in its body, of which more may come."""
        return (
            self._refused is not None
            and not isinstance(self._refused, StaleSnapshotError)
            and self._head.has_body
        )

    def _write_answer(self, status: int, headers: bytes, body: bytes) -> None:
        self._observe(status)
        standing = self._standing_headers()
        answer = answers.whole(status, headers, standing, body)
        if self._head.method == b"HEAD":  # the length is said, the body is not sent
            answer = answer[: len(answer) - len(body)]
        self._transport.write(answer)

    def _standing_headers(self) -> bytes:
        request_id = self._request_id or new_request_id()
        return answers.standing_headers(request_id, keep_alive=self._may_keep_alive())

    def _may_keep_alive(self) -> bool:
        return self._keep_alive and not self._plane.is_draining

    def _observe(self, status: int) -> None:
        name = self._endpoint.name if self._endpoint else "other"
        self._plane.observer.answers[name, status] += 1

    def _next_request(self) -> None:
        """The answer is complete."""
        self._drop_body()
        if not self._may_keep_alive():
            self._transport.close()
            return
        was_pipelined, endpoint = self._is_pipelined, self._endpoint
        self._is_busy = self._is_pipelined = False
        self._reset()
        if was_pipelined:
            self._endpoint = endpoint  # whose dialect the caller speaks
            self._refuse_and_close(
                _bad_http("Send one request at a time: pipelining is not supported")
            )
        else:
            self._set_deadline(self._plane.settings.idle_client_seconds)

    def _drop_body(self) -> None:
        self._plane.buffered_bytes -= self._body_bytes
        self._body_bytes = 0
        self._body.clear()

    def _set_deadline(self, seconds: float) -> None:
        self._plane.deadlines.set(self, seconds)


def _bad_http(detail: str) -> RefusedError:
    return RefusedError(errors.BAD_HTTP, f"This is not valid HTTP: {detail}.")


def _raise_bugs(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        raise error
