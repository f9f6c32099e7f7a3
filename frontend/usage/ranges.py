"""The spans of time that the usage pages offer; half-open, UTC."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from django.utils.translation import gettext

from frontend.lazy import lazy as _

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DEFAULT = "7d"
CUSTOM = "custom"
TITLES = {
    "1h": _("1 hour"),
    "24h": _("24 hours"),
    "7d": _("7 days"),
    "30d": _("30 days"),
    "month": _("This month"),
    "last-month": _("Last month"),
}
MINUTES_SPAN_MAX = 3 * HOUR
"""Minutes are counted from the calls themselves."""
HOURS_SPAN_MAX = 14 * DAY
SPAN_MAX = 92 * DAY
PER = {"minute": MINUTE, "hour": HOUR, "day": DAY}
Dimension = Literal["minute_at", "hour_at", "day_at"]
_DIMENSIONS: dict[timedelta, Dimension] = {
    MINUTE: "minute_at",
    HOUR: "hour_at",
    DAY: "day_at",
}


@dataclass(frozen=True, kw_only=True)
class Range:
    name: str
    title: str
    start: datetime
    end: datetime
    bucket: timedelta

    @property
    def dimension(self) -> Dimension:
        return _DIMENSIONS[self.bucket]

    @property
    def per(self) -> str:
        """`minute`, `hour` or `day`."""
        return next(name for name, size in PER.items() if size == self.bucket)

    @property
    def pers(self) -> list[str]:
        """The sizes of buckets that this span may be shown in."""
        length = self.end - self.start
        fits = {
            "minute": length <= MINUTES_SPAN_MAX,
            "hour": _is_whole(self, HOUR) and HOUR < length <= HOURS_SPAN_MAX,
            "day": _is_whole(self, DAY),
        }
        return [name for name, does in fits.items() if does]

    @property
    def buckets(self) -> list[datetime]:
        count = (self.end - self.start) // self.bucket
        return [self.start + self.bucket * at for at in range(count)]

    @property
    def last_day(self) -> datetime:
        """That the span still touches."""
        return self.end - timedelta(microseconds=1)


def find_range(name: str, *, now: datetime) -> Range:
    """The current hour or day is the last bucket. An unknown name gives the default.

    `now` is aware and UTC.
    """
    if name not in TITLES:
        name = DEFAULT
    hour_end = now.replace(minute=0, second=0, microsecond=0) + HOUR
    day_end = now.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
    month = (day_end - DAY).replace(day=1)
    if name == "1h":
        end = now.replace(second=0, microsecond=0) + MINUTE
        start, bucket = end - HOUR, MINUTE
    elif name == "24h":
        start, end, bucket = hour_end - DAY, hour_end, HOUR
    elif name == "month":
        start, end, bucket = month, day_end, DAY
    elif name == "last-month":
        start, end, bucket = (month - DAY).replace(day=1), month, DAY
    else:
        days = 7 if name == "7d" else 30
        start, end, bucket = day_end - days * DAY, day_end, DAY
    return Range(name=name, title=TITLES[name], start=start, end=end, bucket=bucket)


def find_span(query: Mapping[str, str], *, now: datetime) -> Range:
    """What an address asks for: `from` and `to` (days, the last one included, or
    moments), else `range`; in buckets of `per`, where the span may be shown in these.
    """
    found = _custom(query) or find_range(query.get("range", ""), now=now)
    wanted = query.get("per", "")
    if wanted in found.pers:
        return replace(found, bucket=PER[wanted])
    return found


def before(span: Range) -> Range:
    """The span of the same length that ended when this one began; of a month, the
    first days of the month before.
    """
    length = span.end - span.start
    start = span.start - length
    if span.name in {"month", "last-month"}:
        start = (span.start - DAY).replace(day=1)
        length = min(length, span.start - start)
    return replace(span, name=CUSTOM, start=start, end=start + length)


def _custom(query: Mapping[str, str]) -> Range | None:
    start, end = _moment(query.get("from", "")), _moment(query.get("to", ""), ends=True)
    if start is None or end is None or not start < end <= start + SPAN_MAX:
        return None
    found = Range(
        name=CUSTOM, title=gettext("Own span"), start=start, end=end, bucket=MINUTE
    )
    if end - start > MINUTES_SPAN_MAX:
        found = _widened(found, HOUR)
        if end - start > 2 * DAY:
            found = _widened(found, DAY)
    return found


def _widened(span: Range, size: timedelta) -> Range:
    """To whole hours or days."""
    start = span.start - (span.start - _EPOCH) % size
    end = span.end + (_EPOCH - span.end) % size
    return replace(span, start=start, end=end, bucket=size)


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def _is_whole(span: Range, size: timedelta) -> bool:
    return not any((at - _EPOCH) % size for at in (span.start, span.end))


def _moment(text: str, *, ends: bool = False) -> datetime | None:
    """`2026-11-21`, or `2026-11-21T10:31` with or without a zone (UTC); floored to the
    minute. A day that `ends` a span is part of it.
    """
    try:
        at = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    at = at.replace(second=0, microsecond=0)
    return at + DAY if ends and len(text) == len("2026-11-21") else at
