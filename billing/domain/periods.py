"""Billing periods: calendar months in UTC, half-open."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime

_DECEMBER = 12


@dataclass(frozen=True, kw_only=True)
class Period:
    """From `start`, inclusive, to `end`, exclusive; both aware and in UTC."""

    start: datetime
    end: datetime

    def until(self, instant: datetime) -> "Period":
        """The part of it before `instant`; empty (start = end) if there is none."""
        end = min(self.end, max(self.start, instant))
        return Period(start=self.start, end=end)

    @property
    def is_empty(self) -> bool:
        return self.start >= self.end


def month_of(instant: datetime) -> Period:
    """The calendar month in UTC that `instant` is in.

    Raises ValueError for a naive time: nobody can say which month that is in.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone")
    start = instant.astimezone(UTC).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    if start.month == _DECEMBER:
        return Period(start=start, end=start.replace(year=start.year + 1, month=1))
    return Period(start=start, end=start.replace(month=start.month + 1))


def add_months(anchor: datetime, months: int) -> datetime:
    """The same day and time so many months later, or the month's last day if it is
    shorter. Count from the first anchor, never from a result: 31 January and two months
    are 31 March, whatever February was.
    """
    years, month = divmod(anchor.month - 1 + months, _DECEMBER)
    year = anchor.year + years
    day = min(anchor.day, monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)
