"""Connections from clients: one request at a time, strictly read, always answered."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import cast

import msgspec

from metering.proxy import (
    answers,
    control_plane,
    errors,
    lease_routes,
    response_routes,
)
from metering.proxy.auth import (
    StaleSnapshotError,
    secret_of,
)
from metering.proxy.background import make_response_call
from metering.proxy.errors import Dialect, RefusedError
from metering.proxy.idempotency import Attempt, record_of
from metering.proxy.lease_routes import LeaseRequest
from metering.proxy.pipeline import Call
from metering.proxy.plane import Running, new_request_id
from metering.proxy.request_reader import (
    MODELS_PATH,
    RequestReader,
    bad_http,
    raise_bugs,
)
from metering.proxy.response_routes import ResponseRequest
from metering.proxy.settings import (
    CLIENT_WRITE_HIGH_BYTES,
    CLIENTS_MAX,
)
from metering.proxy.transform.dialects.responses import RESPONSES
from metering.proxy.transform.endpoint import Endpoint
from metering.proxy.transform.request import ParsedRequest, parse
from metering.proxy.warming import policy_for, warmed
from tenants.wire import KeyPolicy


class ClientConnection(RequestReader):
    __slots__ = ()

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=CLIENT_WRITE_HIGH_BYTES)
        self._peer = transport.get_extra_info("peername")
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

    # Serving one request.

    def _serve(self) -> None:
        if self._endpoint is not None and self._policy is not None:
            order = self._order
            policy = policy_for(self._policy, order) if order else self._policy
            self._begin_call(self._endpoint, policy)
        elif self._head.method == b"OPTIONS":
            allowed = b", ".join(self._allowed_methods())
            self._answer(200, answers.PREFLIGHT % allowed, b"")
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
        elif self._policy is not None:
            self._note_caller(self._policy, endpoint="", model="")
            self._serve_unmetered(self._policy)

    def _serve_unmetered(self, policy: KeyPolicy) -> None:
        if control_plane.allowed_methods(self._head.path):
            task = self._loop.create_task(self._pass_on())
            task.add_done_callback(raise_bugs)
        elif self._head.path.startswith(response_routes.PREFIX):
            self._call = ResponseRequest(
                self._plane,
                self,
                policy,
                method=self._head.method,
                path=self._head.path,
            )
            self._call.start()
        elif self._head.path.startswith(lease_routes.PREFIX):
            self._call = LeaseRequest(
                self._plane,
                self,
                policy,
                method=self._head.method,
                path=self._head.path,
                body=b"".join(self._body),
            )
            self._call.start()
        else:
            self._answer_models(policy)

    def _note_caller(self, policy: KeyPolicy, *, endpoint: str, model: str) -> None:
        self._plane.last_callers.note(
            policy,
            self._received_at_us,
            self._peer,
            self._head.forwarded_for,
            endpoint=endpoint,
            model=model,
        )

    def _begin_call(self, endpoint: Endpoint, policy: KeyPolicy) -> None:
        body = b"".join(self._body)
        self._body.clear()
        call: Running
        make_call = make_response_call if endpoint is RESPONSES else Call
        try:
            request = self._parse(endpoint, body, policy)
            if self._order is None:  # else nobody but we used the key
                self._note_caller(
                    policy, endpoint=endpoint.name, model=request.asked.model
                )
            if self._head.idempotency_key is None:
                call = make_call(
                    self._plane,
                    self,
                    request_id=self._request_id,
                    received_at_us=self._received_at_us,
                    policy=policy,
                    request=request,
                    body_bytes=self._body_bytes,
                )
            else:
                call = self._attempt(make_call, policy, request, body)
        except RefusedError as error:
            self.refuse(error)
            return
        self._body_bytes = 0  # the call gives them back
        self._call = call
        call.start()

    def _parse(
        self, endpoint: Endpoint, body: bytes, policy: KeyPolicy
    ) -> ParsedRequest:
        """Raises RefusedError."""
        head = self._head
        order = self._order
        request = parse(
            endpoint,
            body,
            retention_header=head.retention,
            lease_header=head.lease,
            # What a project chose for its calls is not for ours.
            policy=policy if order is None else None,
        )
        return request if order is None else warmed(request, order)

    def _attempt(
        self,
        make_call: Callable[..., Running],
        policy: KeyPolicy,
        request: ParsedRequest,
        body: bytes,
    ) -> Attempt:
        """Raises RefusedError."""
        make_call = partial(
            make_call,
            self._plane,
            request_id=self._request_id,
            received_at_us=self._received_at_us,
            policy=policy,
            request=request,
        )
        key = self._head.idempotency_key or b""
        return Attempt(
            self._plane,
            self,
            record_of(key, policy, path=request.endpoint.path, body=body),
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
        name = self._head.path.removeprefix(MODELS_PATH).removeprefix(b"/")
        routes = self._plane.admitter.visible_routes(policy)
        try:
            document = answers.models_document(routes, name.decode("latin-1"))
        except RefusedError as error:
            self.refuse(error)
        else:
            self._answer(200, answers.JSON, document)

    async def _pass_on(self) -> None:
        secret = secret_of(self._head).encode("latin-1")
        try:
            status, document = await self._plane.control.answer(
                self._head, b"".join(self._body), secret=secret
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
        standing = answers.standing_headers(
            request_id, keep_alive=self._may_keep_alive()
        )
        if self._head.origin is None or not self._is_from_portal():
            return standing
        return answers.CROSS_ORIGIN % self._head.origin + standing

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
                bad_http("Send one request at a time: pipelining is not supported")
            )
        else:
            self._set_deadline(self._plane.settings.idle_client_seconds)
