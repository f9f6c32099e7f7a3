"""A year that is lived through act by act, in the order of time."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count

from tenants.domain.actors import SYSTEM, Actor, act_as

Act = Callable[[datetime], None]
"""What is done, given when."""


@dataclass(order=True, frozen=True)
class _Entry:
    at: datetime
    number: int
    act: Act = field(compare=False)
    by: Actor = field(compare=False)


class Diary:
    """An act may write down further ones, not before itself."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._numbers = count()

    def write(self, at: datetime, act: Act, *, by: Actor = SYSTEM) -> None:
        heapq.heappush(self._entries, _Entry(at, next(self._numbers), act, by))

    def live(self, until: datetime) -> None:
        """What would be later than `until` never happens."""
        while self._entries and self._entries[0].at <= until:
            entry = heapq.heappop(self._entries)
            with act_as(replace(entry.by, at=entry.at)):
                entry.act(entry.at)
