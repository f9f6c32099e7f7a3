"""Idempotency keys: a call runs once, and its answer is replayed to who repeats it.

An attempt is one request with an `Idempotency-Key`. It runs the call, joins the one
that runs (here or in another process), replays the one that ran, or is refused.
"""

import asyncio
import hashlib
import re
from typing import Protocol

from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.kept_answers import Claim, Record, Stored, Verdict
from metering.proxy.plane import Client, Keeper, Plane, Running
from metering.proxy.recorder import Recorder
from tenants.wire import KeyPolicy

_KEY = re.compile(rb"[\x20-\x7e]{1,255}")
_REPLAYED = b"idempotent-replayed: true\r\n"
_POLL_SECONDS = 0.1
_SILENCE_SECONDS_MAX = 10.0
"""A joined call is waited for that long while Valkey says nothing."""


class MakeCall(Protocol):
    def __call__(
        self, client: Client, /, *, body_bytes: int, keeper: Keeper
    ) -> Running:
        """The call gives `body_bytes` back. Raises RefusedError."""


class Caller(Client, Protocol):
    """The connection of an attempt."""

    def answer_as(self, request_id: str) -> None:
        """The answer is that of this earlier call."""


class IdempotencyError(RefusedError):
    """A refusal that another try does not change."""

    def headers(self) -> bytes:
        return super().headers() + b"x-should-retry: false\r\n"


def record_of(key: bytes, policy: KeyPolicy, *, path: bytes, body: bytes) -> Record:
    """Raises RefusedError for what is no idempotency key."""
    if not _KEY.fullmatch(key):
        raise RefusedError(
            errors.INVALID_IDEMPOTENCY_KEY,
            "One Idempotency-Key of 1 to 255 printable ASCII characters, please.",
        )
    request = hashlib.sha256(b"POST %b\n" % path)
    request.update(body)
    return Record(
        tenant_id=policy.tenant_id,
        project_id=policy.project_id,
        name=hashlib.sha256(key).hexdigest(),
        digest=request.hexdigest(),
    )


class Attempt:
    __slots__ = (
        "_body_bytes", "_client", "_is_asking", "_is_begun", "_is_waiting", "_loop",
        "_make_call", "_offset", "_plane", "_record", "_recorder", "_run",
        "_runs_itself", "_silent_since", "_timer", "is_paused",
    )  # fmt: skip

    def __init__(
        self,
        plane: Plane,
        client: Caller,
        record: Record,
        make_call: MakeCall,
        *,
        request_id: str,
        body_bytes: int,
    ) -> None:
        self._plane = plane
        self._client: Caller | None = client
        self._record = record
        self._make_call = make_call
        self._run = request_id
        self._body_bytes = body_bytes
        self._loop = asyncio.get_running_loop()
        self._recorder: Recorder | None = None
        self._runs_itself = self._is_asking = False
        self._is_begun = self._is_waiting = False
        self.is_paused = False
        self._offset = 0
        self._silent_since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._plane.attempts.add(self)
        recorder = self._plane.recorders.running.get(self._record.place)
        if recorder is None:
            self._claim()
        else:
            self._join(recorder)

    # What the connection says.

    def client_gone(self) -> None:
        self._client = None
        recorder = self._recorder
        if recorder is not None:
            recorder.quit(self)
        self._finish()

    def pause(self) -> None:
        self.is_paused = True
        if self._recorder is not None:
            self._recorder.pace()

    def resume(self) -> None:
        self.is_paused = False
        if self._recorder is not None:
            self._recorder.pace()
            self.advance(is_forced=False)
        elif self._is_begun:
            self._poll_soon()

    def cut_short(self) -> None:
        """The process must end (plane.InFlight)."""
        if self._recorder is None:
            self._fail(
                RefusedError(
                    errors.OVERLOADED,
                    "The service is restarting. Please retry.",
                    retry_after_seconds=1,
                )
            )

    # The call runs in this process.

    def _join(self, recorder: Recorder) -> None:
        if recorder.record.digest != self._record.digest:
            self.refuse(_reused())
        elif recorder.is_dropped and not self._runs_itself:
            self.refuse(_not_kept())
        else:
            self._give_back_body()
            self._recorder = recorder
            recorder.join(self)

    def _begin(self) -> None:
        recorder = Recorder(self._plane.recorders, self._record, run=self._run)
        try:
            call = self._make_call(
                recorder, body_bytes=self._body_bytes, keeper=recorder
            )
        except RefusedError as error:
            recorder.refuse(error)
            self.refuse(error)
            return
        self._body_bytes = 0
        self._runs_itself = True
        recorder.call = call
        self._join(recorder)
        call.start()

    def advance(self, *, is_forced: bool) -> None:
        """More can be shown (recorder.Follower)."""
        recorder = self._recorder
        if recorder is None or not recorder.is_begun:
            return
        if self.is_paused and not is_forced:
            return
        data = recorder.shown_from(self._offset)
        self._offset += len(data)
        self._show(
            data,
            run=recorder.run,
            headers=recorder.headers,
            is_stream=recorder.is_stream,
            is_end=recorder.is_ended,
        )

    # The call runs elsewhere, or ran.

    def _claim(self) -> None:
        self._timer = None
        self._is_asking = True
        self._plane.recorders.answers.claim(
            self._record,
            self._on_claim,
            run=self._run,
            offset=self._offset,
            joined=self._run if self._is_begun else "",
        )

    def _on_claim(self, claim: Claim | None) -> None:
        self._is_asking = False
        if self._client is None:
            if claim is not None and claim.verdict is Verdict.RUN:
                self._plane.recorders.answers.release(self._record, run=self._run)
            return
        if claim is None:
            self._on_silence()
            return
        self._silent_since = 0.0
        match claim.verdict:
            case Verdict.RUN:
                self._begin()
            case Verdict.RUNNING:
                self._follow(claim)
            case Verdict.DONE:
                self._relay(claim, is_end=True)
            case Verdict.SEALED:
                self._finish_for_the_dead(claim)
            case verdict:
                self._fail(_REFUSALS[verdict]())

    def _on_silence(self) -> None:
        now = self._loop.time()
        self._silent_since = self._silent_since or now
        if not self._is_waiting or now - self._silent_since > _SILENCE_SECONDS_MAX:
            self._fail(_unavailable())
        else:
            self._poll_soon()

    def _follow(self, claim: Claim) -> None:
        recorder = self._plane.recorders.running.get(self._record.place)
        if recorder is not None and not self._is_begun:
            self._join(recorder)
            return
        self._is_waiting = True
        if claim.is_stream:
            self._relay(claim, is_end=False)
        self._poll_soon()

    def _relay(self, claim: Claim, *, is_end: bool) -> None:
        self._offset += len(claim.data)
        self._show(
            claim.data,
            run=claim.run,
            headers=claim.headers,
            is_stream=claim.is_stream,
            is_end=is_end,
        )

    def _finish_for_the_dead(self, claim: Claim) -> None:
        """The process died between the seal and the end. Its event may be durable or
        not: the same one is written once more, and stored once (`event_id`,
        `happened_at`).
        """
        answers = self._plane.recorders.answers

        def say_done() -> None:
            answers.done(self._record, claim_again, run=claim.run)

        def claim_again(stored: Stored | None) -> None:
            del stored
            if self._client is not None:
                self._claim()

        if claim.event:
            self._plane.journal.append(claim.event, say_done)
        else:
            say_done()

    def _poll_soon(self) -> None:
        if self.is_paused or self._is_asking or self._client is None:
            return
        if self._timer is None:
            self._timer = self._loop.call_later(_POLL_SECONDS, self._claim)

    # What the connection is told.

    def _show(
        self, data: bytes, *, run: str, headers: bytes, is_stream: bool, is_end: bool
    ) -> None:
        client = self._client
        if client is None or not (is_stream or is_end):
            return
        if not self._runs_itself and not self._is_begun:
            headers += _REPLAYED
            self._run = run
            client.answer_as(run)
        if not is_stream:
            self._finish()
            client.send_whole(headers, data)
            return
        if not self._is_begun:
            self._is_begun = True
            client.begin_stream(headers, b"" if is_end else data)
        elif data and not is_end:
            client.send(data)
        if is_end:
            self._finish()
            client.end_stream(data)

    def refuse(self, error: RefusedError) -> None:
        client = self._client
        self._finish()
        if client is not None:
            client.refuse(error)

    def break_off(self) -> None:
        client = self._client
        self._finish()
        if client is not None:
            client.break_off()

    def _fail(self, error: RefusedError) -> None:
        if self._is_begun:
            self.break_off()
        else:
            self.refuse(error)

    def _give_back_body(self) -> None:
        self._plane.buffered_bytes -= self._body_bytes
        self._body_bytes = 0

    def _finish(self) -> None:
        self._client = None
        self._give_back_body()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._plane.attempts.discard(self)
        if not self._plane.attempts:
            self._plane.idle.set()


def _reused() -> RefusedError:
    return IdempotencyError(
        errors.IDEMPOTENCY_KEY_REUSED,
        "This Idempotency-Key was used with another request. Keys belong to one "
        "request each for 24 hours: take a new one for a new request.",
    )


def _not_kept() -> RefusedError:
    return IdempotencyError(
        errors.IDEMPOTENT_ANSWER_NOT_KEPT,
        "This request was answered and charged once, but its answer was too long to be "
        "kept. To run it again, send it with a new Idempotency-Key.",
    )


def _too_many_keys() -> RefusedError:
    return RefusedError(
        errors.TOO_MANY_IDEMPOTENCY_KEYS,
        "Too many idempotency keys within 24 hours. Send this request without one, or "
        "retry later.",
        retry_after_seconds=3600,
    )


def _unavailable() -> RefusedError:
    return RefusedError(
        errors.IDEMPOTENCY_UNAVAILABLE,
        "Idempotency keys cannot be checked right now. Please retry in a second.",
        retry_after_seconds=1,
    )


_REFUSALS = {
    Verdict.OTHER: _reused,
    Verdict.FULL: _too_many_keys,
    Verdict.UNKEPT: _not_kept,
    Verdict.GONE: _not_kept,  # what was shown is broken off, not refused
}
