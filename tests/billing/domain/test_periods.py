from datetime import UTC, datetime, timedelta, timezone

import pytest

from billing.domain.periods import month_of


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "start", "end"),
    [
        (utc("2026-11-21 12:00"), utc("2026-11-01"), utc("2026-12-01")),
        (utc("2026-11-01"), utc("2026-11-01"), utc("2026-12-01")),
        (utc("2026-11-30 23:59:59.999999"), utc("2026-11-01"), utc("2026-12-01")),
        (utc("2026-12-31 23:00"), utc("2026-12-01"), utc("2027-01-01")),
        (utc("2028-02-29"), utc("2028-02-01"), utc("2028-03-01")),
    ],
)
def test_it_works(instant, start, end):
    month = month_of(instant)

    assert (month.start, month.end) == (start, end)


def test_the_month_is_that_of_utc():
    new_york = timezone(timedelta(hours=-5))

    assert month_of(datetime(2026, 11, 30, 22, tzinfo=new_york)).start == utc(
        "2026-12-01"
    )


def test_it_refuses_a_time_without_a_zone():
    with pytest.raises(ValueError, match="no time zone"):
        month_of(datetime(2026, 11, 21))  # noqa: DTZ001  the point of this test


@pytest.mark.parametrize(
    ("until", "end", "is_empty"),
    [
        (utc("2026-11-15"), utc("2026-11-15"), False),
        (utc("2027-01-01"), utc("2026-12-01"), False),
        (utc("2026-10-01"), utc("2026-11-01"), True),
    ],
)
def test_the_part_of_a_month_before_a_time(until, end, is_empty):
    part = month_of(utc("2026-11-21")).until(until)

    assert (part.start, part.end) == (utc("2026-11-01"), end)
    assert part.is_empty is is_empty
