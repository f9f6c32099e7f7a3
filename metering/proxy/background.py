"""Calls of `/v1/responses` that outlive their request: kept answers, background calls.

A background call has no waiting client: its `BackgroundRun` is it. Its engine is asked
for a stream, so that a cancelled one can be metered.
"""

import asyncio
import logging
import time
from functools import partial

import msgspec
from msgspec import Raw

from metering.proxy import errors
from metering.proxy.chunks import unchunk
from metering.proxy.continued_responses import ContinuedCall
from metering.proxy.errors import RefusedError
from metering.proxy.pipeline import Call
from metering.proxy.plane import Client, Keeper, Plane, Running
from metering.proxy.settings import STORED_RESPONSE_BYTES_MAX
from metering.proxy.stored_responses import (
    Place,
    final_response,
    full,
    place_of,
    response_id_of,
    status_of,
    unavailable,
    with_members,
)
from metering.proxy.transform.conversations import (
    conversation_of,
    previous_response_id,
    without_previous,
)
from metering.proxy.transform.request import ParsedRequest
from metering.proxy.valkey import Reply
from tenants.wire import KeyPolicy

_log = logging.getLogger(__name__)
_TICK_SECONDS = 0.5
_STORING_SECONDS_MAX = 60.0
_TRUE, _FALSE = Raw(b"true"), Raw(b"false")
_encode = msgspec.json.Encoder().encode


def make_response_call(
    plane: Plane,
    client: Client,
    *,
    request_id: str,
    received_at_us: int,
    policy: KeyPolicy,
    request: ParsedRequest,
    body_bytes: int,
    keeper: Keeper | None = None,
) -> Running:
    """As `Call(…)`, of `/v1/responses`. Raises RefusedError."""
    previous_id = previous_response_id(request)
    if previous_id is not None:
        make_call = partial(
            make_response_call,
            plane,
            request_id=request_id,
            received_at_us=received_at_us,
            policy=policy,
            keeper=keeper,
        )
        return ContinuedCall(
            plane,
            client,
            policy,
            request,
            make_call,
            previous_id=previous_id,
            body_bytes=body_bytes,
        )
    request = without_previous(request)
    is_kept = request.raw.get("store") != _FALSE
    is_background = request.raw.get("background") == _TRUE
    if is_background:
        _check_background(request, is_kept=is_kept)
        request, asked = _streamed(request), request
    call = partial(
        Call,
        plane,
        request_id=request_id,
        received_at_us=received_at_us,
        policy=policy,
        request=request,
        body_bytes=body_bytes,
    )
    if is_background:
        place = _place(policy, f"resp_{request_id}")
        document = _queued(asked, place.response_id)
        if len(document) > STORED_RESPONSE_BYTES_MAX:
            raise _invalid(
                "What a background response repeats of its request (instructions, "
                f"tools, metadata) may have {STORED_RESPONSE_BYTES_MAX} bytes."
            )
        run = BackgroundRun(
            plane,
            client,
            place,
            document,
            conversation_of(request),
            body_bytes=body_bytes,
        )
        run.call = call(run)
        return run
    if is_kept:
        client = KeepingClient(plane, client, policy, conversation_of(request))
    return call(client, keeper=keeper)


def _check_background(request: ParsedRequest, *, is_kept: bool) -> None:
    if not is_kept:
        raise _invalid("A background response must be stored: leave `store` out.")
    if request.asked.is_streamed:
        raise _invalid("A background response cannot be streamed: poll it by its id.")


def _invalid(message: str) -> RefusedError:
    return RefusedError(errors.INVALID_VALUE, message, param="background")


def _streamed(request: ParsedRequest) -> ParsedRequest:
    replace = msgspec.structs.replace
    return replace(
        request,
        asked=replace(request.asked, is_streamed=True),
        raw=request.raw | {"stream": _TRUE},
    )


def _place(policy: KeyPolicy, response_id: str) -> Place:
    place = place_of(policy, response_id)
    if place is None:
        raise RuntimeError(f"an id of ours is none: {response_id}")
    return place


def _queued(request: ParsedRequest, response_id: str) -> bytes:
    """The response before anything was made, in the engine's own shape."""
    given = request.raw.get
    null, empty = Raw(b"null"), Raw(b"[]")
    document: dict[str, object] = {
        "id": response_id,
        "created_at": int(time.time()),
        "error": None,
        "incomplete_details": None,
        "instructions": given("instructions", null),
        "metadata": given("metadata", null),
        "model": request.asked.model,
        "object": "response",
        "output": [],
        "parallel_tool_calls": given("parallel_tool_calls", _TRUE),
        "temperature": given("temperature", null),
        "tool_choice": given("tool_choice", Raw(b'"auto"')),
        "tools": given("tools", empty),
        "top_p": given("top_p", null),
        "background": True,
        "max_output_tokens": request.asked.output_ceiling,
        "status": "queued",
        "usage": None,
    }
    return _encode(document)


class KeepingClient:
    """Passes an answer on, and keeps the response that it is or ends with."""

    __slots__ = (
        "_client", "_conversation", "_plane", "_policy", "begin_stream", "break_off",
        "refuse", "send",
    )  # fmt: skip

    def __init__(
        self, plane: Plane, client: Client, policy: KeyPolicy, conversation: bytes
    ) -> None:
        self._plane = plane
        self._client = client
        self._policy = policy
        self._conversation = conversation
        self.refuse = client.refuse
        self.begin_stream = client.begin_stream
        self.send = client.send
        self.break_off = client.break_off

    def send_whole(self, headers: bytes, body: bytes) -> None:
        self._keep(body)
        self._client.send_whole(headers, body)

    def end_stream(self, rest: bytes) -> None:
        response = final_response(unchunk(rest))
        if response is not None:
            self._keep(response)
        self._client.end_stream(rest)

    def _keep(self, response: bytes) -> None:
        place = place_of(self._policy, response_id_of(response))
        if place is not None:
            self._plane.responses.keep(place, response, self._conversation)


class BackgroundRun:
    """The client of a background call (plane.Client)."""

    def __init__(
        self,
        plane: Plane,
        client: Client,
        place: Place,
        document: bytes,
        conversation: bytes,
        *,
        body_bytes: int,
    ) -> None:
        self._plane = plane
        self._waiting: Client | None = client
        """For the first answer only."""
        self._place = place
        self._document = document
        self._conversation = conversation
        self._body_bytes = body_bytes
        self._loop = asyncio.get_running_loop()
        self._status = "queued"
        self._is_over = False
        self.call: Call | None = None

    # What the connection says.

    def start(self) -> None:
        self._plane.responses.begin(
            self._place, self._document, self._conversation, self._on_begun
        )

    def client_gone(self) -> None:
        self._waiting = None

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    # Its beginning, its life, its cancellation.

    def _on_begun(self, reply: Reply | None) -> None:
        waiting, self._waiting = self._waiting, None
        call = self.call
        if waiting is None or call is None or reply != 1:
            # Nobody knows its id.
            self._plane.buffered_bytes -= self._body_bytes
            self._plane.responses.remove(self._place, _ignore)
            if waiting is not None:
                waiting.refuse(unavailable() if reply is None else full())
            return
        self._plane.responses.running[self._place] = self
        waiting.send_whole(b"", self._document)
        call.start()
        self._tick_soon()

    def _tick_soon(self) -> None:
        self._loop.call_later(_TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        if not self._is_over:
            self._plane.responses.tick(self._place, self._status, self._on_tick)

    def _on_tick(self, reply: Reply | None) -> None:
        self._on_progress(reply)
        if not self._is_over:
            self._tick_soon()  # silent or not

    def _on_progress(self, reply: Reply | None) -> None:
        if reply == 0:
            self.cancel()

    def cancel(self) -> None:
        """The call ends as one whose client left: what the engine made is metered."""
        if not self._is_over:
            self._leave()
            if self.call is not None:
                self.call.client_gone()
                self.call = None

    # What the call says (plane.Client).

    def refuse(self, error: RefusedError) -> None:
        self._fail(error.refusal.code, error.message)

    def send_whole(self, headers: bytes, body: bytes) -> None:
        del headers
        self._finish(body)

    def begin_stream(self, headers: bytes, first: bytes) -> None:
        del headers, first
        self._status = "in_progress"
        self._plane.responses.tick(self._place, self._status, self._on_progress)

    def send(self, data: bytes) -> None:
        """The final event has it all."""

    def end_stream(self, rest: bytes) -> None:
        response = final_response(unchunk(rest))
        if response is None:
            self._fail("server_error", "The engine broke off.")
        else:
            self._finish(response)

    def break_off(self) -> None:
        self._fail("server_error", "The end of the answer could not be recorded.")

    # Its end.

    def _finish(self, response: bytes) -> None:
        response_id = self._place.response_id
        document = with_members(response, id=response_id, background=True)
        if len(document) > STORED_RESPONSE_BYTES_MAX:
            self._fail("server_error", "The answer is too long to be kept.")
        else:
            self._end(status_of(document), document)

    def _fail(self, code: str, message: str) -> None:
        error = {"code": code, "message": message}
        document = with_members(self._document, status="failed", error=error)
        self._end("failed", document)

    def _end(self, status: str, document: bytes) -> None:
        if self._is_over:
            return
        self._leave()
        self.call = None
        give_up_at = self._loop.time() + _STORING_SECONDS_MAX
        self._store_end(status, document, give_up_at)

    def _store_end(self, status: str, document: bytes, give_up_at: float) -> None:
        def stored(reply: Reply | None) -> None:
            if reply is not None:
                return
            if self._loop.time() > give_up_at:
                _log.error("%s could not be kept", self._place.response_id)
            else:
                again = partial(self._store_end, status, document, give_up_at)
                self._loop.call_later(_TICK_SECONDS, again)

        self._plane.responses.finish(self._place, status, document, stored)

    def _leave(self) -> None:
        self._is_over = True
        self._plane.responses.running.pop(self._place, None)


def _ignore(reply: Reply | None) -> None:
    del reply
