from datetime import UTC, datetime, timedelta, timezone

import pytest

from metering.domain.months import month_after, month_of, months_from


def test_it_works():
    assert months_from(datetime(2026, 11, 21, 12, tzinfo=UTC), count=3) == [
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    ]


def test_a_month_is_that_of_utc():
    in_tokyo = datetime(2026, 12, 1, 8, 59, tzinfo=timezone(timedelta(hours=9)))
    assert month_of(in_tokyo) == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize("month", range(1, 13))
def test_a_month_ends_where_the_next_begins(month):
    begin = datetime(2027, month, 1, tzinfo=UTC)
    end = month_after(begin)
    assert month_of(end) == end
    assert month_of(end - timedelta(microseconds=1)) == begin
