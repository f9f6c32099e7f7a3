"""How every call ends: one usage event, then what was held back, then its hold settled;
or nothing of that, and all of the hold returned.
"""

import asyncio
import enum
import logging
import time
from functools import partial

from metering.proxy import errors
from metering.proxy.call_texts import CopyingClient, text_of
from metering.proxy.errors import RefusedError
from metering.proxy.lease_finding import said_in
from metering.proxy.lease_turn import LeaseTurn
from metering.proxy.limits import Hold
from metering.proxy.plane import Client, Keeper, Plane, new_request_id
from metering.proxy.prompts import prompts_at_most
from metering.proxy.settings import CALLS_MAX
from metering.proxy.settle import Use, encoded_event, unbilled_use
from metering.proxy.transform.lease_fields import AskedLease
from metering.proxy.transform.request import ParsedRequest
from metering.proxy.upstream import Engine, EngineConnection
from metering.proxy.usage import Usage
from metering.proxy.usage_tap import StreamTap
from metering.proxy.warming import admission_for
from metering.wire import Outcome, UsageSource
from tenants.wire import KeyPolicy

_log = logging.getLogger(__name__)


class State(enum.IntEnum):
    HOLDING = 1
    CONNECTING = 2
    WAITING = 3
    """For the engine's first byte."""
    RELAYING = 4
    RECORDING = 5
    """The event is on its way to the disk; the end of the answer waits for it."""
    DONE = 6


class EndingCall:
    """What a call knows, and how it ends. `pipeline.Call` is how it gets there."""

    __slots__ = (
        "_admission", "_body", "_body_bytes", "_client", "_connection", "_copying",
        "_engine",
        "_first_token_at_us", "_hold", "_is_paused", "_is_stopping", "_keeper",
        "_plane", "_policy", "_received_at_us", "_request", "_sent_at_us", "_state",
        "_task", "_tried", "_tries", "_turn", "deadline", "request_id", "tap",
        "watched_slot",
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
        if len(plane.calls) >= CALLS_MAX:  # the newest: the others have waited already
            raise RefusedError(
                errors.OVERLOADED,
                "Too many calls at once. Please retry shortly.",
                retry_after_seconds=1,
            )
        self._plane = plane
        self._client: Client | None = client
        self._copying: CopyingClient | None = None
        if policy.keeps_texts:
            self._client = self._copying = CopyingClient(client)
        self._policy = policy
        self._received_at_us = received_at_us
        self._turn: LeaseTurn | None = None
        self._take_up(request)
        model, at_ms = self._admission.route.model, received_at_us // 1000
        found = plane.prompts.recognized(request, policy, model=model, at_ms=at_ms)
        if found is not None:
            self._take_up(found)
        self._body_bytes = body_bytes
        self._keeper = keeper
        self._body = b""
        self._hold: Hold | None = None
        self._engine: Engine | None = None
        self._connection: EngineConnection | None = None
        self._tries = 0
        self._tried: set[int] = set()
        self._sent_at_us = 0
        self._first_token_at_us: int | None = None
        self._is_paused = self._is_stopping = False
        self._state = State.HOLDING
        self._task: asyncio.Task[None] | None = None
        """The loop itself keeps tasks only weakly."""
        self.request_id = request_id
        stream = request.endpoint.stream if request.asked.is_streamed else None
        self.tap: StreamTap | None = None
        if stream is not None:
            asks = request.asked.wants_running_usage
            self.tap = StreamTap(stream, shows_running_usage=asks)
        self.deadline = float("inf")
        self.watched_slot = -1

    def _take_up(self, request: ParsedRequest) -> None:
        """What is to be served, as far as it is known. Raises RefusedError."""
        policy, lease = self._policy, request.lease
        admission = self._plane.admitter.admit(policy, request)
        if lease is not None and lease.order is not None:
            admission = admission_for(admission, lease.order)
        self._request, self._admission = request, admission
        if lease is None and request.prompt is None:
            return
        is_buying = lease is not None and lease.ttl_ms and lease.order is None
        said = said_in(request, model=admission.route.model) if is_buying else None
        self._turn = LeaseTurn(
            self._plane.leases,
            asked=lease or AskedLease(),
            policy=policy,
            route=admission.route,
            price=admission.price,
            received_at_us=self._received_at_us,
            said=said,
            prompt=request.prompt,
        )

    def on_deadline(self) -> None:
        raise NotImplementedError

    def cut_short(self) -> None:
        raise NotImplementedError

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
        if self._turn is not None:
            use = self._turn.applied_to(use)
        if use.outcome is not Outcome.ENGINE_FAILED:
            engine.succeeded()
            if len(self._admission.route.engines) > 1:  # else there is no choice
                self._note_pace(use, engine)
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
            cost_nanos=use.cost_nanos(self._admission.price),
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

    def _note_pace(self, use: Use, engine: Engine) -> None:
        now_us, first_us = time.time_ns() // 1000, self._first_token_at_us
        seconds = (now_us - self._sent_at_us) / 1e6
        engine.pace.note_call(seconds, calls=engine.calls)
        if use.is_warming:
            first_us = now_us  # it makes one token
        if first_us is not None:
            engine.pace.note_prefill(
                (first_us - self._sent_at_us) / 1e6,
                new_tokens=use.usage.input_tokens - use.usage.cached_input_tokens,
                calls=engine.calls,
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

    def _note_unbilled(self, said: Usage | None = None) -> None:
        """The engine had the request, and nobody pays for what it did. The event is for
        the reconciliation; nothing waits for it. `said` is what the engine counted.
        """
        if self._sent_at_us and self._engine is not None:
            use = unbilled_use(said or self._running_usage())
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
        if self._copying is not None:
            self._keep_text(self._copying, rest)
        self._finish()

    def _keep_text(self, copying: CopyingClient, rest: bytes) -> None:
        text = text_of(
            copying,
            event_id=self.request_id,
            policy=self._policy,
            happened_at_us=time.time_ns() // 1000,
            request=self._request.raw,
            rest=rest,
            is_streamed=self.tap is not None,
        )
        self._plane.texts.hand_over(text)

    def _answer_headers(self) -> bytes:
        headers = self._hold.headers() if self._hold is not None else b""
        turn = self._turn
        return headers if turn is None else headers + turn.result.headers()

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
        if self._turn is not None:
            self._turn.stop_waiting()
        self._state = State.DONE
        self._client = None
        self._plane.deadlines.clear(self)
        self._plane.buffered_bytes -= self._body_bytes
        self._plane.calls.discard(self)
        if not self._plane.calls:
            self._plane.idle.set()


def _no_one_waits() -> None:
    pass


def _since(start_us: int, end_us: int | None) -> int | None:
    return None if end_us is None else end_us - start_us


def engine_use(usage: Usage, outcome: Outcome) -> Use:
    return Use(usage=usage, usage_source=UsageSource.ENGINE, outcome=outcome)
