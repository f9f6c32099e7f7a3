"""Worked examples of how money and counts are written."""

from datetime import UTC, datetime, timedelta

import pytest

from frontend.formatting import (
    amount_of_cents,
    exact_amount,
    short_amount,
    short_bytes,
    short_count,
    time_left,
)
from frontend.usage.ranges import find_range

NOW = datetime(2026, 11, 21, 10, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount_nanos", "exact", "short"),
    [
        (0, "$0.00", "$0.00"),
        (1, "$0.000000001", "$0.000000001"),
        (999, "$0.000000999", "$0.000000999"),
        (1_499, "$0.000001499", "$0.000001"),
        (1_500, "$0.0000015", "$0.000002"),
        (100_000, "$0.0001", "$0.0001"),
        (225_960_560, "$0.22596056", "$0.225961"),
        (999_999_999, "$0.999999999", "$1.00"),
        (1_004_999_999, "$1.004999999", "$1.00"),
        (1_005_000_000, "$1.005", "$1.01"),
        (1_234_567_000_000_000, "$1,234,567.00", "$1,234,567.00"),
        (-1_500, "-$0.0000015", "-$0.000002"),
    ],
)
def test_amounts(amount_nanos, exact, short):
    assert exact_amount(amount_nanos) == exact
    assert short_amount(amount_nanos) == short


@pytest.mark.parametrize(
    ("amount_cents", "text"),
    [(0, "$0.00"), (5, "$0.05"), (123_456, "$1,234.56"), (-5, "-$0.05")],
)
def test_cents(amount_cents, text):
    assert amount_of_cents(amount_cents) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10 k"),
        (12_345, "12.3 k"),
        (999_949, "999.9 k"),
        (1_250_000, "1.3 M"),
        (2_000_000_000, "2 G"),
    ],
)
def test_counts(count, text):
    assert short_count(count) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1_474_560, "1.5 MB"), (2_100_000_000, "2.1 GB"), (960, "960 B")],
)
def test_bytes(size, text):
    assert short_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "ended"),
        (0, "ended"),
        (0.001, "1 s"),
        (59.2, "1 m 00 s"),
        (245, "4 m 05 s"),
        (3_600, "1 h 00 m"),
        (11_530, "3 h 12 m"),
        (187_200, "2 d 4 h"),
    ],
)
def test_time_left(seconds, text):
    assert time_left(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("name", "start", "end", "buckets"),
    [
        ("24h", "2026-11-20T11:00", "2026-11-21T11:00", 24),
        ("7d", "2026-11-15T00:00", "2026-11-22T00:00", 7),
        ("30d", "2026-10-23T00:00", "2026-11-22T00:00", 30),
        ("month", "2026-11-01T00:00", "2026-11-22T00:00", 21),
    ],
)
def test_ranges(name, start, end, buckets):
    span = find_range(name, now=NOW)
    assert span.start == datetime.fromisoformat(f"{start}+00:00")
    assert span.end == datetime.fromisoformat(f"{end}+00:00")
    assert len(span.buckets) == buckets
