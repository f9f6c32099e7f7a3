"""The spans of time that the usage page offers; half-open, UTC."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DEFAULT = "7d"
TITLES = {
    "24h": "24 hours",
    "7d": "7 days",
    "30d": "30 days",
    "month": "This month",
}


@dataclass(frozen=True, kw_only=True)
class Range:
    name: str
    title: str
    start: datetime
    end: datetime
    bucket: timedelta

    @property
    def dimension(self) -> Literal["hour_at", "day_at"]:
        return "hour_at" if self.bucket == HOUR else "day_at"

    @property
    def buckets(self) -> list[datetime]:
        count = (self.end - self.start) // self.bucket
        return [self.start + self.bucket * at for at in range(count)]


def find_range(name: str, *, now: datetime) -> Range:
    """The current hour or day is the last bucket. An unknown name gives the default.

    `now` is aware and UTC.
    """
    if name not in TITLES:
        name = DEFAULT
    hour_end = now.replace(minute=0, second=0, microsecond=0) + HOUR
    day_end = now.replace(hour=0, minute=0, second=0, microsecond=0) + DAY
    if name == "24h":
        start, end, bucket = hour_end - DAY, hour_end, HOUR
    elif name == "month":
        start, end, bucket = (day_end - DAY).replace(day=1), day_end, DAY
    else:
        days = 7 if name == "7d" else 30
        start, end, bucket = day_end - days * DAY, day_end, DAY
    return Range(name=name, title=TITLES[name], start=start, end=end, bucket=bucket)
