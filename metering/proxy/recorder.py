"""The answer of a call with an idempotency key, as it comes: handed to all who wait for
it, and kept in Valkey in batches that nobody waits for.

To its call a recorder is the client (`plane.Client`). It never leaves, so that the call
runs to its end whoever else does.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

import msgspec
from prometheus_client import Gauge

from metering.proxy.errors import RefusedError
from metering.proxy.kept_answers import KeptAnswers, Portion, Record, Stored, Storing
from metering.proxy.settings import KEPT_ANSWER_BYTES_MAX, RECORDED_BYTES_MAX
from metering.wire import Outcome, UsageEvent

_log = logging.getLogger(__name__)
_BATCH_SECONDS = 0.1
_TRY_AGAIN_SECONDS = 0.2
_RENEWALS_PER_LEASE = 3
_SECOND_LOOK_SECONDS = 2.0
"""Valkey's file is behind by a second at most: what it still knows then is on disk."""
_STORING_SECONDS_MAX = 60.0


class Paced(Protocol):
    """The call that makes the answer."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Follower(Protocol):
    """One who waits for the answer."""

    is_paused: bool

    def advance(self, *, is_forced: bool) -> None:
        """More of the answer may be shown. Forced: it will not be held any longer."""

    def refuse(self, error: RefusedError) -> None: ...

    def break_off(self) -> None: ...


class Recorders:
    """Those of one process, by the place of their record."""

    def __init__(self, answers: KeptAnswers, *, held: Gauge) -> None:
        self.answers = answers
        self.held = held
        self.running: dict[str, Recorder] = {}
        self.held_bytes = 0


class Recorder:
    __slots__ = (
        "_ended_at", "_event", "_is_broken", "_is_closed", "_is_confirmed",
        "_is_lost", "_is_sealed", "_is_storing", "_loop", "_recorders",
        "_release_at_end", "_stored", "_then", "_timer", "base", "call", "followers",
        "headers", "is_begun", "is_dropped", "is_ended", "is_stream", "record",
        "released", "run", "window",
    )  # fmt: skip

    def __init__(self, recorders: Recorders, record: Record, *, run: str) -> None:
        self._recorders = recorders
        self._loop = asyncio.get_running_loop()
        self.record = record
        self.run = run
        self.call: Paced | None = None
        self.followers: list[Follower] = []
        self.headers = b""
        self.is_stream = self.is_begun = self.is_ended = self.is_dropped = False
        self.window = bytearray()
        """What is held of the answer, from byte `base` on."""
        self.base = self.released = 0
        self._stored = 0
        self._event = b""
        self._release_at_end = -1
        self._then: Callable[[bytes], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_storing = self._is_sealed = self._is_confirmed = False
        self._is_lost = self._is_broken = self._is_closed = False
        self._ended_at = 0.0
        recorders.running[record.place] = self
        recorders.held.inc()
        self._store_in(self._renewal_seconds)

    # Those who wait.

    def join(self, follower: Follower) -> None:
        self.followers.append(follower)
        follower.advance(is_forced=False)

    def quit(self, follower: Follower) -> None:
        if follower in self.followers:
            self.followers.remove(follower)
        self.pace()

    def shown_from(self, offset: int) -> bytes:
        return bytes(self.window[offset - self.base : self.released - self.base])

    def pace(self) -> None:
        """While the answer is held the engine waits for nobody. One too long to be held
        goes as fast as its slowest reader.
        """
        if self.call is None or not self.is_dropped:
            return
        if any(follower.is_paused for follower in self.followers):
            self.call.pause()
        else:
            self.call.resume()

    # What the call says (plane.Client).

    def refuse(self, error: RefusedError) -> None:
        """Nothing was answered and nothing is billed: the key is as new."""
        if not self._is_lost:
            self._recorders.answers.release(self.record, run=self.run)
        self._close()
        for follower in self._leaving():
            follower.refuse(error)

    def send_whole(self, headers: bytes, body: bytes) -> None:
        self._end(headers, body)

    def begin_stream(self, headers: bytes, first: bytes) -> None:
        self.headers = headers
        self.is_stream = self.is_begun = True
        self.send(first)

    def send(self, data: bytes) -> None:
        self._add(data)
        self._show(self._length)
        self._store_in(_BATCH_SECONDS)

    def end_stream(self, rest: bytes) -> None:
        self._end(self.headers, rest)

    def break_off(self) -> None:
        """The event may still become durable: whoever finds the seal sees to it."""
        self._is_broken = True
        self._recorders.running.pop(self.record.place, None)
        self._ended_at = self._loop.time()
        for follower in self._leaving():
            follower.break_off()
        self._settle_down()

    # What the call asks before its usage event is written (plane.Keeper).

    def seal(
        self, event: bytes, headers: bytes, rest: bytes, then: Callable[[bytes], None]
    ) -> None:
        """Keeps the end of the answer and its event, then calls `then` with the event
        to write. Once sealed, the call is never run again: whoever finds it writes the
        same event, which is stored once, and shows the same answer. Before, nothing is
        billed and the end is not shown: if the process dies, the key runs anew.
        """
        self._note_end(headers, rest)
        self._event, self._then = event, then
        if self._is_lost:
            self._let_go_on()
        self._store()

    # The answer's bytes.

    @property
    def _length(self) -> int:
        return self.base + len(self.window)

    def _add(self, data: bytes) -> None:
        self.window += data
        self._recorders.held_bytes += len(data)
        if not self.is_dropped and (
            self._length > KEPT_ANSWER_BYTES_MAX
            or self._recorders.held_bytes > RECORDED_BYTES_MAX
        ):
            self._drop()

    def _drop(self) -> None:
        self.is_dropped = True
        self._show(self.released)
        self.pace()

    def _show(self, released: int) -> None:
        self.released = released
        for follower in list(self.followers):
            follower.advance(is_forced=self.is_dropped)
        if self.is_dropped:
            gone = self.released - self.base
            del self.window[:gone]
            self.base = self.released
            self._recorders.held_bytes -= gone

    def _note_end(self, headers: bytes, rest: bytes) -> None:
        if self._release_at_end >= 0:
            return
        if not self.is_stream:
            self.headers = headers
        self._release_at_end = self._length
        self._add(rest)

    def _end(self, headers: bytes, rest: bytes) -> None:
        self._note_end(headers, rest)
        self.is_begun = self.is_ended = True
        self._ended_at = self._loop.time()
        self._show(self._length)
        self.followers.clear()
        self._settle_down()

    def _leaving(self) -> list[Follower]:
        followers, self.followers = self.followers, []
        return followers

    # Keeping it.

    @property
    def _renewal_seconds(self) -> float:
        return self._recorders.answers.lease_seconds / _RENEWALS_PER_LEASE

    def _store_in(self, seconds: float) -> None:
        """Unless it is due sooner."""
        due = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._store()

    def _store(self) -> None:
        """Sends what is not stored yet, the seal included; renews the lease anyway."""
        if self._is_storing or self._is_lost or self._is_closed:
            return
        self._is_storing = True
        is_end = self._release_at_end >= 0
        data = b"" if self.is_dropped else self.window[self._stored - self.base :]
        portion = Portion(
            offset=self._stored,
            data=bytes(data),
            headers=self.headers,
            is_stream=self.is_stream,
            is_dropped=self.is_dropped,
            event=self._event,
            released=self._release_at_end,
        )
        self._recorders.answers.store(
            self.record,
            portion,
            lambda stored: self._on_stored(stored, is_end=is_end),
            run=self.run,
        )

    def _on_stored(self, stored: Stored | None, *, is_end: bool) -> None:
        self._is_storing = False
        if stored is None:
            self._on_silence()
        elif stored.storing is Storing.LOST:
            self._on_lost()
        elif stored.storing is Storing.MISALIGNED:
            self._stored = min(stored.length, self._length)
            self._store()
        else:
            if stored.storing is Storing.UNKEPT and not self.is_dropped:
                self._drop()
            self._stored = self._length if self.is_dropped else stored.length
            self._on_progress(is_end=is_end)

    def _on_progress(self, *, is_end: bool) -> None:
        if is_end:
            self._is_sealed = True
            self._let_go_on()
            if self._ended_at:
                self._settle_down()
                return
        elif self._release_at_end >= 0:
            self._store()
            return
        has_more = self._stored < self._length and not self.is_dropped
        self._store_in(_BATCH_SECONDS if has_more else self._renewal_seconds)

    def _on_silence(self) -> None:
        """Tried again. The caller waits for the seal as long as for the disk, then the
        connection closes without the end.
        """
        if self._ended_at and self._loop.time() > self._ended_at + _STORING_SECONDS_MAX:
            _log.error("request %s: its answer could not be kept", self.run)
            self._is_lost = not self._is_sealed  # then nobody saw the end: unbilled
            self._let_go_on()
            self._close()
        else:
            self._store_in(_TRY_AGAIN_SECONDS)

    def _on_lost(self) -> None:
        """Valkey was away for so long that another process runs the call: it bills."""
        _log.warning("request %s: its idempotency key runs elsewhere", self.run)
        self._is_lost = True
        self._let_go_on()
        if self._ended_at:
            self._close()

    def _let_go_on(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then(_unbilled(self._event) if self._is_lost else self._event)

    def _settle_down(self) -> None:
        """The call is over: says so once the seal is kept, and looks again a little
        later, for a Valkey that was killed forgets its last second.
        """
        if self._is_lost:
            self._close()
        elif not self._is_sealed:
            self._store()
        elif self._is_broken:
            self._recorders.answers.leave(self.record, run=self.run)
            self._close()
        else:
            self._recorders.answers.done(self.record, self._on_done, run=self.run)

    def _on_done(self, stored: Stored | None) -> None:
        if stored is None:
            self._is_sealed = False
            self._on_silence()
        elif self._is_confirmed:
            self._close()
        else:
            self._is_confirmed = True
            self._is_sealed = False
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(_SECOND_LOOK_SECONDS, self._on_timer)

    def _close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._recorders.held_bytes -= len(self.window)
        self._recorders.held.dec()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        running = self._recorders.running
        if running.get(self.record.place) is self:
            del running[self.record.place]
        self.call = None


def _unbilled(event: bytes) -> bytes:
    known = msgspec.json.decode(event, type=UsageEvent)
    known = msgspec.structs.replace(
        known, outcome=Outcome.UNBILLED, cost_nanos=0, lease_cost_nanos=0
    )
    return msgspec.json.encode(known)
