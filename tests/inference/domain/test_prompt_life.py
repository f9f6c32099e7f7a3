"""Durations, and how leases of a cached prompt follow one another."""

import pytest

from inference.domain.prompt_life import (
    LEASE_MS_MAX,
    duration_ms,
    is_life_to_be_renewed,
    lease_ttl_ms,
)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("90s", 90_000),
        ("1.5m", 90_000),
        ("2h", 7_200_000),
        ("30d", 2_592_000_000),
        ("0.1s", 100),
        ("0.0009s", 0),
        ("0s", 0),
    ],
)
def test_it_works(text, milliseconds):
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    ["", "5", "s", "-5s", "1e3s", "nans", "1 s", "1.s", ".5s", "\u0661s", "1s\n", "1w"],
)
def test_it_refuses(text):
    with pytest.raises(ValueError, match="expected"):
        duration_ms(text)


@pytest.mark.parametrize(
    ("left_ms", "ttl_ms"),
    [(10 * LEASE_MS_MAX, LEASE_MS_MAX), (60_000, 60_000), (0, 0), (-1, 0)],
)
def test_no_lease_is_longer_than_an_hour_or_than_the_life(left_ms, ttl_ms):
    assert lease_ttl_ms(now_ms=1_000, expires_at_ms=1_000 + left_ms) == ttl_ms


@pytest.mark.parametrize(
    ("ttl_ms", "before_ms"), [(60_000, 15_000), (86_400_000, 300_000)]
)
def test_a_life_is_renewed_in_its_last_quarter_or_five_minutes(ttl_ms, before_ms):
    renewed = [
        is_life_to_be_renewed(now_ms=now_ms, expires_at_ms=ttl_ms, ttl_ms=ttl_ms)
        for now_ms in (ttl_ms - before_ms - 1, ttl_ms - before_ms)
    ]
    assert renewed == [False, True]
