"""One timer for all time-outs of the process: a wheel of 100 ms slots.

A `call_later` per request and per read would cost more than the parsing of a head.
"""

import asyncio
import time
from typing import Protocol

_SLOT_SECONDS = 0.1


class Watched(Protocol):
    deadline: float
    """`time.monotonic()` seconds; infinity: none."""
    watched_slot: int
    """Kept by the wheel; -1: not on it."""

    def on_deadline(self) -> None: ...


class Deadlines:
    def __init__(self) -> None:
        # Dicts, so that one can be taken out: a finished call must not be kept for as
        # long as its engine might have taken.
        self._slots: dict[int, dict[Watched, None]] = {}
        self._turned_to = self._slot(time.monotonic())

    @staticmethod
    def _slot(at: float) -> int:
        return int(at / _SLOT_SECONDS) + 1

    def set(self, watched: Watched, seconds: float) -> None:
        """`watched.on_deadline()` is called in `seconds`, unless moved before."""
        watched.deadline = time.monotonic() + seconds
        slot = max(self._slot(watched.deadline), self._turned_to + 1)
        # A later deadline needs no new entry: the earlier one finds it not yet due.
        if watched.watched_slot < 0 or slot < watched.watched_slot:
            self._leave(watched)
            self._enter(watched, slot)

    def clear(self, watched: Watched) -> None:
        """It has no deadline any more, and the wheel lets go of it."""
        watched.deadline = float("inf")
        self._leave(watched)

    def _leave(self, watched: Watched) -> None:
        if slot := self._slots.get(watched.watched_slot):
            slot.pop(watched, None)
        watched.watched_slot = -1

    def _enter(self, watched: Watched, slot: int) -> None:
        watched.watched_slot = slot
        self._slots.setdefault(slot, {})[watched] = None

    async def keep_turning(self) -> None:
        """Runs for ever."""
        while True:
            await asyncio.sleep(_SLOT_SECONDS)
            self.turn(time.monotonic())

    def turn(self, now: float) -> None:
        until = self._slot(now) - 1
        for slot in range(self._turned_to + 1, until + 1):
            self._turned_to = slot
            for watched in self._slots.pop(slot, {}):
                if watched.watched_slot == slot:  # else moved by one before it
                    self._expire_or_keep(watched, now)

    def _expire_or_keep(self, watched: Watched, now: float) -> None:
        watched.watched_slot = -1
        if watched.deadline <= now:
            watched.on_deadline()
        elif watched.deadline != float("inf"):
            self._enter(watched, max(self._slot(watched.deadline), self._turned_to + 1))
