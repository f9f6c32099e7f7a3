"""The arithmetic of rate limits: sliding windows, counters and running calls.

The proxy's scripts in Valkey decide by the same rules and are tested against these;
while Valkey is away a proxy decides by these over its own share. Times are milliseconds
since the epoch.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

BUCKET_MS = 250
WINDOW_BUCKETS = 240
"""Before the present one. An amount leaves 60 to 60.25 s after it came."""
AHEAD_BUCKETS = 2
"""Slices are booked where their life ends."""
RUNNING_WAIT_MS = 1000
"""Nobody knows when a running call will end."""
FAR_ROOM, LENT_PART = 8, 4
"""Slices are granted while there is room for eight calls more for each process; of what
is left they take a quarter at most, divided by the processes.
"""
PLACES_MAX = 1000
"""Free ones that one process keeps for the calls of one key and model."""
LENT_MS = 750
"""In which free places have gone back: a slice's life and a little."""
WANTED_MS = 1000
"""For so long after a refusal no place is lent."""
KINDS = 3
"""Requests, tokens, images: the order in all triples."""
Triple = tuple[int, int, int]
UNLIMITED = -1
_NOTHING: Triple = (0, 0, 0)


def bucket_of(now_ms: int) -> int:
    return now_ms // BUCKET_MS


class Correction(NamedTuple):
    """A later word about what a bucket holds."""

    bucket: int
    change: Triple
    late: Triple
    """Added to the present instead, when the bucket has left the window."""


class Slice(NamedTuple):
    """A part of limits that one process may spend by itself, on its way back."""

    bucket: int
    granted: Triple
    used: Triple


class Window:
    """What was used in the last minute. Never holds less than nothing."""

    __slots__ = ("_buckets", "present", "sums")

    def __init__(self, now_ms: int) -> None:
        self.present = bucket_of(now_ms)
        self.sums: list[int] = [0, 0, 0]
        self._buckets: dict[int, Triple] = {}

    def advance(self, now_ms: int) -> None:
        """A clock that went back does not move the window."""
        self.present = max(self.present, bucket_of(now_ms))
        first = self.present - WINDOW_BUCKETS
        for bucket in [one for one in self._buckets if one < first]:
            gone = self._buckets.pop(bucket)
            for kind in range(KINDS):
                self.sums[kind] -= gone[kind]

    def holds(self, bucket: int) -> bool:
        return self.present - WINDOW_BUCKETS <= bucket <= self.present + AHEAD_BUCKETS

    def add(self, bucket: int, change: Triple) -> None:
        old = self._buckets.get(bucket, _NOTHING)
        new = (
            max(0, old[0] + change[0]),
            max(0, old[1] + change[1]),
            max(0, old[2] + change[2]),
        )
        for kind in range(KINDS):
            self.sums[kind] += new[kind] - old[kind]
        self._buckets[bucket] = new

    def correct(self, correction: Correction) -> None:
        if self.holds(correction.bucket):
            self.add(correction.bucket, correction.change)
        else:
            self.add(self.present, correction.late)

    def take_back(self, one: Slice) -> None:
        r, t, i = one.granted
        self.correct(Correction(one.bucket, (-r, -t, -i), _NOTHING))
        self.add(self.present, one.used)

    def wait_ms(self, kind: int, needed: int, now_ms: int) -> int:
        """Until `needed` of a kind have left."""
        freed = 0
        for bucket in sorted(self._buckets):
            freed += self._buckets[bucket][kind]
            if freed >= needed:
                return self._leaves_in_ms(bucket, now_ms)
        return self._leaves_in_ms(self.present + AHEAD_BUCKETS, now_ms)

    def reset_ms(self, kind: int, now_ms: int) -> int:
        """Until nothing of a kind is left."""
        for bucket in sorted(self._buckets, reverse=True):
            if self._buckets[bucket][kind]:
                return self._leaves_in_ms(bucket, now_ms)
        return 0

    @staticmethod
    def _leaves_in_ms(bucket: int, now_ms: int) -> int:
        return (bucket + WINDOW_BUCKETS + 1) * BUCKET_MS - now_ms

    def contents(self) -> list[tuple[int, Triple]]:
        """Buckets that hold anything, oldest first."""
        return sorted((b, held) for b, held in self._buckets.items() if any(held))


class Bounds(NamedTuple):
    """The limits of one key and model, each with the name of its counter."""

    windows: Sequence[tuple[str, Triple]]
    counters: Sequence[tuple[str, int]]
    """The name has the day or the month in it."""
    running: Sequence[tuple[str, int]]


class Ask(NamedTuple):
    """What a call claims, all or nothing: `most_tokens` as far as there is room."""

    requests: int
    least_tokens: int
    most_tokens: int
    images: int


class Held(NamedTuple):
    bucket: int
    tokens: int


class Refused(NamedTuple):
    """`limit` counts three for each window, then counters, then running sets."""

    limit: int
    wait_ms: int | None
    """None: until the day or the month of that counter is over."""
    is_lent: bool = False
    """Ask again then: free places of other processes have come back."""


@dataclass(slots=True)
class Counts:
    """The state of any number of limits, in memory."""

    windows: dict[str, Window] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    running: dict[str, set[str]] = field(default_factory=dict)
    """Places: of calls that run, and free ones that a process keeps for its next."""
    lent_until_ms: dict[str, int] = field(default_factory=dict)
    wanted_until_ms: dict[str, int] = field(default_factory=dict)

    def hold(
        self, bounds: Bounds, ask: Ask, *, call_id: str, now_ms: int
    ) -> Held | Refused:
        windows = [self._window(name, now_ms) for name, _ in bounds.windows]
        refusals = self._refusals(bounds, windows, ask, now_ms)
        if refusals:
            return max(refusals, key=_by_wait)
        tokens = ask.most_tokens
        for window, (_, limits) in zip(windows, bounds.windows, strict=True):
            if limits[1] != UNLIMITED:
                tokens = max(0, min(tokens, limits[1] - window.sums[1]))
        for window in windows:
            window.add(window.present, (ask.requests, tokens, ask.images))
        for name, _ in bounds.counters:
            self.counters[name] = self.counters.get(name, 0) + ask.requests
        for name, _ in bounds.running:
            self.running.setdefault(name, set()).add(call_id)
        return Held(bucket_of(now_ms), tokens)

    def settle(
        self,
        bounds: Bounds,
        correction: Correction,
        *,
        requests: int,
        call_id: str,
        now_ms: int,
    ) -> None:
        """`requests` is added to the counters: -1 when the call was for nothing.
        `call_id` is "" when the place of the call is kept for the next one.
        """
        for name, _ in bounds.windows:
            self._window(name, now_ms).correct(correction)
        for name, _ in bounds.counters:
            self.counters[name] = max(0, self.counters.get(name, 0) + requests)
        for name, _ in bounds.running:
            self.running.setdefault(name, set()).discard(call_id)

    def lend(self, bounds: Bounds, *, processes: int, now_ms: int) -> int | None:
        """How many free places a process may keep until `LENT_MS` from now; None: too
        near a limit, or somebody was refused just now.
        """
        rooms = [
            limit - len(self.running.get(name, ())) for name, limit in bounds.running
        ]
        if any(room < FAR_ROOM * processes for room in rooms) or any(
            self.wanted_until_ms.get(name, 0) > now_ms for name, _ in bounds.running
        ):
            return None
        for name, _ in bounds.running:
            self.lent_until_ms[name] = now_ms + LENT_MS
        return min([PLACES_MAX, *(room // (LENT_PART * processes) for room in rooms)])

    def give_back(self, bounds: Bounds, places: Sequence[str]) -> None:
        for name, _ in bounds.running:
            self.running.setdefault(name, set()).difference_update(places)

    def _window(self, name: str, now_ms: int) -> Window:
        window = self.windows.get(name)
        if window is None:
            window = self.windows[name] = Window(now_ms)
        window.advance(now_ms)
        return window

    def _refusals(
        self, bounds: Bounds, windows: Sequence[Window], ask: Ask, now_ms: int
    ) -> list[Refused]:
        needs = (ask.requests, ask.least_tokens, ask.images)
        found = [
            Refused(KINDS * number + kind, window.wait_ms(kind, missing, now_ms))
            for number, window in enumerate(windows)
            for kind, need in enumerate(needs)
            if need > 0 and (limit := bounds.windows[number][1][kind]) != UNLIMITED
            and (missing := need + window.sums[kind] - limit) > 0
        ]  # fmt: skip
        first = KINDS * len(windows)
        for number, (name, limit) in enumerate(bounds.counters):
            if self.counters.get(name, 0) + ask.requests > limit:
                found.append(Refused(first + number, None))
        first += len(bounds.counters)
        for number, (name, limit) in enumerate(bounds.running):
            if len(self.running.get(name, ())) >= limit:
                self.wanted_until_ms[name] = now_ms + WANTED_MS
                lent_ms = self.lent_until_ms.get(name, 0) - now_ms
                wait_ms = lent_ms if lent_ms > 0 else RUNNING_WAIT_MS
                found.append(Refused(first + number, wait_ms, lent_ms > 0))
        return found


def _by_wait(refused: Refused) -> tuple[bool, int]:
    return refused.wait_ms is None, refused.wait_ms or 0
