"""One metered call: hold, route, relay, record, settle. The only place with the order.

A call is a small state machine driven by callbacks of three parties that come in any
order: the client (may leave), the engine (may fail) and Valkey or the journal (may be
slow). It outlives its client: what an engine has begun is metered in any case.
"""

import logging
import time
from functools import partial

from metering.proxy import errors
from metering.proxy.chunks import chunk
from metering.proxy.ending import State, engine_use
from metering.proxy.errors import RefusedError
from metering.proxy.holding import Holding
from metering.proxy.leasing import LeasingCall
from metering.proxy.limits import Hold
from metering.proxy.settings import ENGINE_TRIES_MAX
from metering.proxy.settle import estimated_use
from metering.proxy.transform.engine_errors import BUSY, public_error
from metering.proxy.transform.request import rewrite
from metering.proxy.upstream import (
    HTTP_FAILED,
    HTTP_OK,
    EngineConnection,
    request_head,
)
from metering.proxy.usage import (
    InvalidAnswerError,
    Usage,
)
from metering.proxy.usage_tap import StreamTap
from metering.proxy.warming import not_warmed
from metering.wire import Outcome

_log = logging.getLogger(__name__)
_STOP_SECONDS = 1.0
"""For an engine to close the stream that it was asked to stop."""
_RETRIED_STATUSES = {429, 502, 503, 504}


class Call(LeasingCall):
    __slots__ = ()

    def start(self) -> None:
        plane = self._plane
        plane.calls.add(self)
        if self._turn is None and not self._request.prompt_name:
            self._claim_limits()
        else:
            self._prepare(self._claim_limits)

    def _claim_limits(self) -> None:
        # Nothing of ours refers to it: together we would be garbage for the collector.
        Holding(
            self._plane.limits,
            self._plane.counting,
            policy=self._policy,
            request=self._request,
            admission=self._admission,
            callback=self._on_held,
            turn=self._turn,
        ).start()

    def _on_held(self, hold: Hold | RefusedError, output_ceiling: int | None) -> None:
        if isinstance(hold, RefusedError):
            if self._state is State.HOLDING:
                self._refuse(hold)
            return
        if self._state is State.DONE:  # cut short meanwhile
            self._plane.limits.void(hold)
            return
        self._hold = hold
        if self._client is None:
            self._end_unused()
            return
        self._body = rewrite(
            self._request,
            model=self._admission.route.model,
            cache_salt=self._policy.cache_salt,
            output_ceiling=output_ceiling,
        )
        self._try_engine(fresh=False)

    def _try_engine(self, *, fresh: bool) -> None:
        self._state = State.CONNECTING
        self._tries += 1
        route = self._admission.route
        try:
            engine = self._plane.router.pick(
                route,
                # Two kilobytes to copy and to hash, where there is something to choose.
                prefix=self._request.prefix if len(route.engines) > 1 else b"",
                besides=() if fresh else self._tried,
                held_tokens=self._turn.held_tokens if self._turn else None,
            )
        except RefusedError as error:
            self._refuse(error)
            return
        self._engine = engine
        engine.begin()
        engine.connect(self._on_connected, fresh=fresh)

    def _on_connected(self, connection: EngineConnection | OSError) -> None:
        if self._state is not State.CONNECTING:  # refused by a drain meanwhile
            if isinstance(connection, EngineConnection):
                connection.release()
            return
        if self._client is None:
            if isinstance(connection, EngineConnection):
                connection.release()
            self._end_unused()
            return
        if isinstance(connection, OSError):
            self._note_failure()
            self._retry_or_refuse(connection)
            return
        settings = self._plane.settings
        body = self._body if self._turn is None else self._body_with_terms(self._turn)
        self._connection = connection
        self._state = State.WAITING
        # The engine makes its own ids of it, and they must differ from try to try.
        again = f"-{self._tries}" if self._tries > 1 else ""
        self._set_deadline(
            settings.first_byte_seconds
            if self.tap is not None
            else settings.answer_seconds
        )
        head = request_head(
            self._request.endpoint.engine_path,
            engine_key=settings.engine_key,
            request_id=self.request_id + again,
            body_bytes=len(body),
        )
        self._sent_at_us = time.time_ns() // 1000
        connection.send(self, head, body)

    def on_stream_begun(self) -> None:
        if self._state is State.WAITING:
            self._state = State.RELAYING
            self._await_next_chunk()

    def on_stream(self, ready: bytes) -> None:
        tap = self.tap
        if self._state is not State.RELAYING or tap is None:
            return
        self._await_next_chunk()
        if tap.ended:
            self._connection = None
            self._end_stream(tap)
        elif self._client is None:
            if not self._is_stopping:
                self._stop_engine_if_metered()
        else:
            if self._first_token_at_us is None and tap.has_token(ready):
                self._first_token_at_us = time.time_ns() // 1000
            if tap.releases == 1:
                self._client.begin_stream(self._answer_headers(), ready)
            else:
                self._client.send(ready)

    def _end_stream(self, tap: StreamTap) -> None:
        try:
            final = tap.final_usage()
        except InvalidAnswerError as error:
            _log.error("request %s: %s", self.request_id, error)
            final = None
        if final is None:
            if tap.has_failed():  # in words that are not for a tenant's eyes
                self._break_stream(errors.ENGINE_UNAVAILABLE, "The engine failed.")
            else:
                self._end_failed(tap.rest(with_usage=True))
            return
        if self._client is not None and tap.releases == 0:
            self._first_token_at_us = time.time_ns() // 1000
            self._client.begin_stream(self._answer_headers(), b"")
        self._conclude(partial(self._record_stream, tap, final))

    def _record_stream(self, tap: StreamTap, final: Usage) -> None:
        use, shows_usage = self._use(final), self._request.asked.wants_usage
        noted = None
        if self._has_notes and not self._is_unasked:
            is_told = shows_usage or not tap.final_is_usage_only
            noted = partial(self._noted, tap.usage_path, use, shows_usage=is_told)
        self._record(use, rest=tap.rest(with_usage=shows_usage, noted=noted))

    def on_whole_answer(self, status: int, body: bytes) -> None:
        self._connection = None
        if status != HTTP_OK:
            if status < HTTP_FAILED or status in BUSY:
                self._sent_at_us = 0  # refused: the engine counted nothing
            else:
                self._note_unbilled()
            if status in _RETRIED_STATUSES and self._tries < ENGINE_TRIES_MAX:
                self._leave_engine()
                self._retry()
            else:
                self._refuse(public_error(status, body, secret=self._policy.cache_salt))
            return
        try:
            usage = self._request.endpoint.usage(body)
        except InvalidAnswerError as error:
            self._refuse_invalid(error)
            return
        if usage is None or self.tap is not None:
            self._refuse_invalid(InvalidAnswerError("no usage, or no stream"))
            return
        self._conclude(partial(self._record_whole, usage, body))

    def _record_whole(self, usage: Usage, body: bytes) -> None:
        turn = self._turn
        if turn is not None and turn.is_warming and not self._is_warmed(turn):
            turn.let_go()
            self._note_unbilled(usage)
            self._refuse(not_warmed(turn.result.reason))
            return
        use = self._use(usage)
        if self._has_notes:
            body = self._noted(self._request.endpoint.usage_path, use, body)
        self._record(use, rest=body)

    def on_engine_lost(self, error: Exception) -> None:
        self._connection = None
        if self._is_stopping:
            self._record_stopped()
            return
        self._note_failure()
        if self._has_released:
            self._break_stream(errors.ENGINE_UNAVAILABLE, "The engine broke off.")
        elif isinstance(error, InvalidAnswerError):
            self._refuse_invalid(error)
        else:
            self._retry_or_refuse(error)

    def _note_failure(self) -> None:
        if self._engine is not None:
            self._engine.failed()

    def client_gone(self) -> None:
        """The client closed; what the engine has begun is stopped or drained."""
        self._client = None
        if self._state is State.WAITING and self._turn and self._turn.is_warming:
            self._abort_engine()  # nobody would know of the lease
            self._turn.let_go()
            self._end_unused()
        elif self._state is State.WAITING:
            self._set_deadline(self._plane.settings.client_gone_drain_seconds)
        elif self._state is State.RELAYING:
            self.resume()  # a paused engine would never say what it used
            self._set_deadline(self._plane.settings.client_gone_drain_seconds)
            self._stop_engine_if_metered()

    def pause(self) -> None:
        """The client takes bytes too slowly."""
        self._is_paused = True
        if self._connection is not None and self._state is State.RELAYING:
            self._connection.pause()

    def resume(self) -> None:
        if self._is_paused and self._connection is not None:
            self._connection.resume()
        self._is_paused = False

    def on_deadline(self) -> None:
        if self._client is None:
            self._abandon()
        elif self._is_paused:
            self._await_next_chunk()  # the client is slow, not the engine
        elif self._state is State.RECORDING:
            self._plane.observer.ends_withheld += 1
            self._client.break_off()
            self._finish()
        elif self._has_released:
            self._abort_engine()
            self._note_failure()
            self._break_stream(errors.ENGINE_TIMEOUT, "The engine stopped answering.")
        else:
            self._abort_engine()
            self._note_failure()
            self._refuse(
                RefusedError(
                    errors.ENGINE_TIMEOUT,
                    "The engine did not answer in time. You were not charged.",
                )
            )

    def cut_short(self) -> None:
        """The process must end: stops a call that outlasted the drain."""
        self._abort_engine()
        if self._has_released:
            self._break_stream(errors.OVERLOADED, "The service is restarting.")
        elif self._state < State.RECORDING:
            self._refuse(
                RefusedError(
                    errors.OVERLOADED,
                    "The service is restarting. Please retry.",
                    retry_after_seconds=1,
                )
            )

    def _await_next_chunk(self) -> None:
        if self._client is not None:  # else the drain has a deadline of its own
            self._set_deadline(self._plane.settings.chunk_seconds)

    def _stop_engine_if_metered(self) -> None:
        """With several samples the running usage is of one only: drained instead. So is
        the first event of a chat: it says 0 when the first token is made already.
        """
        usage = self._running_usage()
        if usage and usage.output_tokens and self._connection is not None:
            self._connection.stop()
            self._is_stopping = True
            self._set_deadline(_STOP_SECONDS)

    def _record_stopped(self) -> None:
        usage = self._running_usage()
        if usage is not None:
            self._record(engine_use(usage, Outcome.CLIENT_GONE), rest=b"")

    def _abandon(self) -> None:
        """The client is gone and the engine did not end within the drain."""
        if self._state is State.RECORDING:
            return
        self._abort_engine()
        if self._is_stopping:
            self._record_stopped()
            return
        # A release is one event, and an event mostly one token.
        use = estimated_use(
            self._admission,
            input_usage=self.tap.running_usage() if self.tap else None,
            output_tokens=self.tap.releases if self.tap else 0,
        )
        self._record(use, rest=b"")

    def _break_stream(self, refusal: errors.Refusal, message: str) -> None:
        """After the first byte: an error event, then the end."""
        self._plane.observer.refusals[refusal.code] += 1
        endpoint = self._request.endpoint
        body = RefusedError(refusal, message).body(
            endpoint.dialect, request_id=self.request_id
        )
        self._end_failed(chunk(endpoint.error_event(body)) + b"0\r\n\r\n")

    def _end_failed(self, rest: bytes) -> None:
        """The engine failed. What it said it used is billed; without a word of its own
        nothing is: a failure is no ground for a guess.
        """
        usage = self._running_usage()
        if usage is not None:
            self._record(engine_use(usage, Outcome.ENGINE_FAILED), rest=rest)
        elif self.tap is None or self.tap.releases == 0:
            self._refuse_invalid(InvalidAnswerError("a stream without usage"))
        else:
            if self._client is not None:
                self._client.end_stream(rest)
            self._end_unused()

    def _retry_or_refuse(self, error: Exception) -> None:
        _log.warning("request %s: engine lost: %r", self.request_id, error)
        self._note_unbilled()
        if self._client is not None and self._tries < ENGINE_TRIES_MAX:
            self._leave_engine()
            self._retry()
        else:
            self._refuse(
                RefusedError(
                    errors.ENGINE_UNAVAILABLE,
                    "The engine could not be reached. You were not charged.",
                    retry_after_seconds=1,
                )
            )

    def _retry(self) -> None:
        """Another engine if there is one, else the same on a fresh connection: an idle
        one may have been closed under our hands.
        """
        self._plane.observer.retries += 1
        others = [
            address
            for address in self._admission.route.engines
            if address.engine_id not in self._tried
        ]
        self._try_engine(fresh=not others)
