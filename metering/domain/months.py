"""Calendar months (UTC), by which the table of usage events is partitioned."""

from datetime import UTC, datetime


def month_of(at: datetime) -> datetime:
    """The begin of the UTC month of the aware time `at`."""
    at = at.astimezone(UTC)
    return datetime(at.year, at.month, 1, tzinfo=UTC)


def month_after(month: datetime) -> datetime:
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)


def months_from(at: datetime, *, count: int) -> list[datetime]:
    """The begins of the month of `at` and of those after it, `count` in all."""
    months = [month_of(at)]
    while len(months) < count:
        months.append(month_after(months[-1]))
    return months
