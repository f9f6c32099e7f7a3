"""What is likely to be used until a month ends, from the days before.

Nothing is fitted: a day that is left is like the mean of days that were, and the range
is what those days differed by. It foresees neither growth nor an end, and says so.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import isqrt

from billing.domain.money import divided_half_up
from billing.domain.periods import Period

DAY = timedelta(days=1)
WEEKS = 4
DAYS_BEFORE = 7 * WEEKS
"""So many are looked at."""
WEEKDAYS_FROM = 14
"""So many days are needed to tell one weekday from another."""
MEAN_DAYS = 7
DAYS_MIN = 3
"""Of fewer days nothing is said."""
PPM = 1_000_000
_Z_PPM = 1_282_000
"""Between this and minus this lie four of five, if days differ by chance alone."""

Key = tuple[str, str]
"""Model and meter."""


class Method(StrEnum):
    WEEKDAYS = "weekdays"
    """Like the mean of the same weekday."""
    MEAN = "mean"
    """Like the mean of the last days."""


@dataclass(frozen=True, kw_only=True)
class DayUse:
    quantities: Mapping[Key, int]
    value_nanos: int
    """At the rates that calls are charged by: what days are compared by."""


NOTHING = DayUse(quantities={}, value_nanos=0)


@dataclass(frozen=True, kw_only=True)
class ExpectedDay:
    """A day that is left, or the rest of today."""

    ends_at: datetime
    use: DayUse


@dataclass(frozen=True, kw_only=True)
class Expectation:
    method: Method
    days_seen: int
    """Whole days that it rests on."""
    days: Sequence[ExpectedDay]
    """From today on, to the month's end."""
    mean_nanos: int
    """Of a day of those."""
    spread_ppm: int
    """What the sum of the days may be off by, up and down, in parts of it."""

    @property
    def value_nanos(self) -> int:
        return sum(one.use.value_nanos for one in self.days)

    @property
    def low_ppm(self) -> int:
        return max(0, PPM - self.spread_ppm)

    @property
    def high_ppm(self) -> int:
        return PPM + self.spread_ppm


def expect(
    before: Mapping[datetime, DayUse], *, month: Period, now: datetime
) -> Expectation | None:
    """`before`: days by the UTC midnight at which they begin; what is missing after the
    first one was a day without use. None: too few whole days to say anything.
    """
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    history = _history(before, today)
    if len(history) < DAYS_MIN:
        return None
    is_weekly = len(history) >= WEEKDAYS_FROM
    if not is_weekly:
        history = dict(list(history.items())[-MEAN_DAYS:])
    days = [
        ExpectedDay(
            ends_at=min(day + DAY, month.end),
            use=_like(day, history, is_weekly=is_weekly),
        )
        for day in _days_left(today, month)
    ]
    days[0] = ExpectedDay(
        ends_at=days[0].ends_at, use=_part(days[0].use, today + DAY - now)
    )
    return Expectation(
        method=Method.WEEKDAYS if is_weekly else Method.MEAN,
        days_seen=len(history),
        days=days,
        mean_nanos=sum(use.value_nanos for use in history.values()) // len(history),
        spread_ppm=_spread(history, days, is_weekly=is_weekly),
    )


def scaled(use: Mapping[Key, int], ppm: int) -> Counter[Key]:
    return Counter(
        {key: divided_half_up(quantity * ppm, PPM) for key, quantity in use.items()}
    )


def _history(
    before: Mapping[datetime, DayUse], today: datetime
) -> dict[datetime, DayUse]:
    """Whole days, from the first one with use on, in the order of time."""
    first = min((day for day in before if day < today), default=today)
    start = max(first, today - DAYS_BEFORE * DAY)
    count = (today - start) // DAY
    days = [start + n * DAY for n in range(count)]
    return {day: before.get(day, NOTHING) for day in days}


def _days_left(today: datetime, month: Period) -> list[datetime]:
    return [today + n * DAY for n in range((month.end - today) // DAY)]


def _like(
    day: datetime, history: Mapping[datetime, DayUse], *, is_weekly: bool
) -> DayUse:
    alike = [
        use
        for at, use in history.items()
        if not is_weekly or at.weekday() == day.weekday()
    ]
    sums: Counter[Key] = Counter()
    for use in alike:
        sums.update(use.quantities)
    return DayUse(
        quantities={key: divided_half_up(n, len(alike)) for key, n in sums.items()},
        value_nanos=divided_half_up(sum(one.value_nanos for one in alike), len(alike)),
    )


def _part(use: DayUse, left: timedelta) -> DayUse:
    """Of a day, the share of its time that is left."""
    ppm = left * PPM // DAY
    return DayUse(
        quantities=scaled(use.quantities, ppm),
        value_nanos=divided_half_up(use.value_nanos * ppm, PPM),
    )


def _spread(
    history: Mapping[datetime, DayUse],
    days: Sequence[ExpectedDay],
    *,
    is_weekly: bool,
) -> int:
    """Two doubts: that each day left differs as days did, and that the mean of so few
    days is not the true one, which makes all of them differ alike.
    """
    total = sum(one.use.value_nanos for one in days)
    seen, left = len(history), len(days)
    if not total:
        return 0
    squares = sum(
        (use.value_nanos - _like(day, history, is_weekly=is_weekly).value_nanos) ** 2
        for day, use in history.items()
    )
    free = max(1, seen - (min(7, seen) if is_weekly else 1))
    variance = squares * left * (seen + left) // (free * seen)
    return _Z_PPM * isqrt(variance) // total
