"""One metered call: hold, route, relay, record, settle. The only place with the order.

A call is a small state machine driven by callbacks of three parties that come in any
order: the client (may leave), the engine (may fail) and Valkey or the journal (may be
slow). It outlives its client: what an engine has begun is metered in any case.
"""

import enum
import logging
import time
from functools import partial

from metering.proxy import errors
from metering.proxy.admission import Admission
from metering.proxy.errors import RefusedError
from metering.proxy.holding import Holding
from metering.proxy.limits import Hold
from metering.proxy.plane import Client, Keeper, Plane, new_request_id
from metering.proxy.prompts import prompts_at_most
from metering.proxy.settings import ENGINE_TRIES_MAX
from metering.proxy.settle import Use, encoded_event, estimated_use, unbilled_use
from metering.proxy.transform.cost_note import with_cost
from metering.proxy.transform.engine_errors import BUSY, public_error
from metering.proxy.transform.request import ParsedRequest, rewrite
from metering.proxy.upstream import (
    HTTP_FAILED,
    HTTP_OK,
    Engine,
    EngineConnection,
    request_head,
)
from metering.proxy.usage import (
    InvalidAnswerError,
    Usage,
    cost_femto_usd,
    cost_nano_usd,
    usd,
)
from metering.proxy.usage_tap import StreamTap, chunk
from metering.wire import Outcome, UsageSource
from tenants.wire import KeyPolicy

_log = logging.getLogger(__name__)
_STOP_SECONDS = 1.0
"""For an engine to close the stream that it was asked to stop."""
_RETRIED_STATUSES = {429, 502, 503, 504}


class State(enum.IntEnum):
    HOLDING = 1
    CONNECTING = 2
    WAITING = 3
    """For the engine's first byte."""
    RELAYING = 4
    RECORDING = 5
    """The event is on its way to the disk; the end of the answer waits for it."""
    DONE = 6


class Call:
    __slots__ = (
        "_admission", "_body", "_body_bytes", "_client", "_connection", "_engine",
        "_first_token_at_us", "_hold", "_is_paused", "_is_stopping",
        "_keeper", "_plane", "_policy", "_received_at_us", "_request", "_sent_at_us",
        "_state", "_tried", "_tries", "deadline", "request_id", "tap", "watched_slot",
    )  # fmt: skip

    def __init__(
        self,
        plane: Plane,
        client: Client,
        *,
        request_id: str,
        received_at_us: int,
        policy: KeyPolicy,
        request: ParsedRequest,
        body_bytes: int,
        keeper: Keeper | None = None,
    ) -> None:
        """Raises RefusedError when the call cannot be admitted."""
        if not plane.has_journal_room:
            raise RefusedError(
                errors.JOURNAL_FULL,
                "Usage cannot be recorded right now. Please retry in a minute.",
                retry_after_seconds=60,
            )
        self._admission: Admission = plane.admitter.admit(policy, request)
        self._plane = plane
        self._client: Client | None = client
        self._policy = policy
        self._request = request
        self._body_bytes = body_bytes
        self._keeper = keeper
        self._body = b""
        self._hold: Hold | None = None
        self._engine: Engine | None = None
        self._connection: EngineConnection | None = None
        self._tries = 0
        self._tried: set[int] = set()
        self._received_at_us = received_at_us
        self._sent_at_us = 0
        self._first_token_at_us: int | None = None
        self._is_paused = self._is_stopping = False
        self._state = State.HOLDING
        self.request_id = request_id
        stream = request.endpoint.stream if request.asked.is_streamed else None
        self.tap = StreamTap(stream) if stream is not None else None
        self.deadline = float("inf")
        self.watched_slot = -1

    def start(self) -> None:
        plane = self._plane
        plane.calls.add(self)
        # Nothing of ours refers to it: together we would be garbage for the collector.
        Holding(
            plane.limits,
            plane.counting,
            policy=self._policy,
            request=self._request,
            admission=self._admission,
            callback=self._on_held,
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
        try:
            engine = self._plane.router.pick(
                self._admission.route,
                prefix=self._request.prefix,
                besides=() if fresh else self._tried,
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
            self._retry_or_refuse(connection)
            return
        settings = self._plane.settings
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
            body_bytes=len(self._body),
        )
        self._sent_at_us = time.time_ns() // 1000
        connection.send(self, head, self._body)

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
        asked = self._request.asked
        noted = partial(self._noted, tap.usage_path, final)
        rest = tap.rest(
            with_usage=asked.wants_usage, noted=noted if asked.wants_cost else None
        )
        self._record(_engine_use(final, self._outcome()), rest=rest)

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
        if self._request.asked.wants_cost:
            body = self._noted(self._request.endpoint.usage_path, usage, body)
        self._record(_engine_use(usage, self._outcome()), rest=body)

    def _outcome(self) -> Outcome:
        return Outcome.COMPLETED if self._client else Outcome.CLIENT_GONE

    def _noted(self, path: tuple[str, ...], usage: Usage, answer: bytes) -> bytes:
        cost = usd(cost_femto_usd(usage, self._admission.price))
        return with_cost(answer, path, cost)

    def on_engine_lost(self, error: Exception) -> None:
        self._connection = None
        if self._is_stopping:
            self._record_stopped()
        elif self._has_released:
            self._break_stream(errors.ENGINE_UNAVAILABLE, "The engine broke off.")
        elif isinstance(error, InvalidAnswerError):
            self._refuse_invalid(error)
        else:
            self._retry_or_refuse(error)

    def client_gone(self) -> None:
        """The client closed; what the engine has begun is stopped or drained."""
        self._client = None
        if self._state is State.WAITING:
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
            self._break_stream(errors.ENGINE_TIMEOUT, "The engine stopped answering.")
        else:
            self._abort_engine()
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
            self._record(_engine_use(usage, Outcome.CLIENT_GONE), rest=b"")

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
            self._record(_engine_use(usage, Outcome.ENGINE_FAILED), rest=rest)
        elif self.tap is None or self.tap.releases == 0:
            self._refuse_invalid(InvalidAnswerError("a stream without usage"))
        else:
            if self._client is not None:
                self._client.end_stream(rest)
            self._end_unused()

    def _running_usage(self) -> Usage | None:
        """What the engine said so far; with several answers it is of one only."""
        several = self._request.asked.samples * prompts_at_most(self._request) > 1
        if self.tap is None or several:
            return None
        return self.tap.running_usage()

    @property
    def _has_released(self) -> bool:
        return (
            self._state is State.RELAYING
            and self.tap is not None
            and self.tap.releases > 0
        )

    def _record(self, use: Use, *, rest: bytes) -> None:
        """The usage event first; `rest` leaves when it is durable."""
        hold, engine, plane = self._hold, self._engine, self._plane
        if hold is None or engine is None:  # cannot be: both precede the engine's work
            raise RuntimeError("a call was recorded before it was held")
        self._state = State.RECORDING
        engine.succeeded()
        happened_at_us = time.time_ns() // 1000
        event = self._event(
            use, engine, event_id=self.request_id, happened_at_us=happened_at_us
        )
        self._sent_at_us = 0
        self._set_deadline(plane.settings.durable_seconds)
        journal = partial(self._journal, rest)
        if self._keeper is None:
            journal(event)
        else:
            self._keeper.seal(event, self._answer_headers(), rest, journal)
        is_known = use.usage_source is UsageSource.ENGINE
        plane.limits.settle(
            hold,
            tokens=use.limited_tokens(self._policy) if is_known else hold.tokens,
            images=use.usage.images if is_known else hold.images,
            cost_nano_usd=cost_nano_usd(use.usage, self._admission.price),
            happened_at_us=happened_at_us,
        )
        if is_known:
            plane.admitter.learn(
                self._policy, self._request, input_tokens=use.usage.input_tokens
            )
        plane.observer.count_use(
            model=self._admission.route.model,
            usage=use.usage,
            outcome=use.outcome,
            usage_source=use.usage_source,
            first_token_us=_since(self._received_at_us, self._first_token_at_us),
            call_us=_since(self._received_at_us, time.time_ns() // 1000),
        )

    def _journal(self, rest: bytes, event: bytes) -> None:
        self._plane.journal.append(event, lambda: self._on_durable(rest))

    def _event(
        self, use: Use, engine: Engine, *, event_id: str, happened_at_us: int
    ) -> bytes:
        return encoded_event(
            use,
            event_id=event_id,
            policy=self._policy,
            request=self._request,
            admission=self._admission,
            engine_id=engine.address.engine_id,
            tries=self._tries,
            received_at_us=self._received_at_us,
            sent_at_us=self._sent_at_us,
            first_token_at_us=self._first_token_at_us,
            happened_at_us=happened_at_us,
        )

    def _note_unbilled(self) -> None:
        """The engine had the request, and nobody pays for what it did. The event is for
        the reconciliation; nothing waits for it.
        """
        if self._sent_at_us and self._engine is not None:
            use = unbilled_use(self._running_usage())
            event = self._event(
                use,
                self._engine,
                event_id=new_request_id(),
                happened_at_us=time.time_ns() // 1000,
            )
            self._plane.journal.append(event, _no_one_waits)
        self._sent_at_us = 0

    def _on_durable(self, rest: bytes) -> None:
        self._plane.observer.journal_events += 1
        client = self._client
        if self._state is State.DONE:
            return
        if client is not None:
            if self.tap is not None:
                client.end_stream(rest)
            else:
                client.send_whole(self._answer_headers(), rest)
        self._finish()

    def _answer_headers(self) -> bytes:
        return self._hold.headers() if self._hold is not None else b""

    def _retry_or_refuse(self, error: Exception) -> None:
        _log.warning("request %s: engine lost: %r", self.request_id, error)
        if self._engine is not None:
            self._engine.failed()
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
        others = [
            address
            for address in self._admission.route.engines
            if address.engine_id not in self._tried
        ]
        self._try_engine(fresh=not others)

    def _refuse_invalid(self, error: Exception) -> None:
        _log.error("request %s: invalid answer: %s", self.request_id, error)
        self._refuse(
            RefusedError(
                errors.ENGINE_INVALID,
                "The engine's answer could not be read. You were not charged.",
            )
        )

    def _refuse(self, error: RefusedError) -> None:
        """Nothing was released: all of the hold returns and nothing is recorded."""
        if self._client is not None:
            self._client.refuse(error)
        self._end_unused()

    def _end_unused(self) -> None:
        self._note_unbilled()
        if self._hold is not None:
            self._plane.limits.void(self._hold)
        self._finish()

    def _leave_engine(self) -> None:
        if self._engine is not None:
            self._tried.add(self._engine.address.engine_id)
            self._engine.calls -= 1
            self._engine = None

    def _abort_engine(self) -> None:
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    def _set_deadline(self, seconds: float) -> None:
        self._plane.deadlines.set(self, seconds)

    def _finish(self) -> None:
        self._leave_engine()
        self._state = State.DONE
        self._client = None
        self._plane.deadlines.clear(self)
        self._plane.buffered_bytes -= self._body_bytes
        self._plane.calls.discard(self)
        if not self._plane.calls:
            self._plane.idle.set()


def _no_one_waits() -> None:
    pass


def _engine_use(usage: Usage, outcome: Outcome) -> Use:
    return Use(usage=usage, usage_source=UsageSource.ENGINE, outcome=outcome)


def _since(start_us: int, end_us: int | None) -> int | None:
    return None if end_us is None else end_us - start_us
