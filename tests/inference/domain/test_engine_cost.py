"""What an engine costs by the clock."""

from datetime import UTC, datetime, timedelta

import pytest

from inference.domain.engine_cost import (
    NO_COST,
    CostRate,
    add_costs,
    cost_between,
    split,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
USD = 1_000_000_000


def rate(hours, gpus, nanos, currency="USD"):
    return CostRate(
        starts_at=NOON + hours * HOUR,
        gpus=gpus,
        nanos_per_gpu_hour=nanos,
        currency=currency,
    )


def cost(*rates, start=NOON, end=NOON + 10 * HOUR, currency="USD"):
    return cost_between(rates, start=start, end=end, currency=currency)


def test_it_works():
    """Two GPUs at 2.50 for four hours, then three at 2.00 for two; then given back."""
    found = cost(rate(-5, 2, 5 * USD // 2), rate(4, 3, 2 * USD), rate(6, 0, 7 * USD))
    assert found.amount_nanos == (4 * 5 + 2 * 6) * USD
    assert found.gpu_seconds == (4 * 2 + 2 * 3) * 3600
    assert found.rented_seconds == 6 * 3600


def test_nothing_is_paid_before_the_first_rate_nor_without_one():
    assert cost() == NO_COST
    assert cost(rate(10, 1, USD)) == NO_COST
    assert cost(rate(9, 1, USD)).amount_nanos == USD


def test_other_currencies_are_passed_over():
    rates = rate(0, 1, USD), rate(4, 1, 3 * USD, "EUR")
    assert cost(*rates).amount_nanos == 4 * USD
    assert cost(*rates, currency="EUR").amount_nanos == 18 * USD


def test_of_two_with_one_start_the_later_holds():
    assert cost(rate(0, 1, USD), rate(0, 1, 2 * USD)).amount_nanos == 20 * USD


@pytest.mark.parametrize(
    ("seconds", "nanos", "amount"),
    [(1, 3600, 1), (1, 1800, 1), (1, 1799, 0), (3, 1_000, 1), (3, 100, 0)],
)
def test_half_a_nano_is_rounded_up(seconds, nanos, amount):
    end = NOON + timedelta(seconds=seconds)
    assert cost(rate(0, 1, nanos), end=end).amount_nanos == amount


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (10, [1], [10]),
        (10, [1, 1, 1], [3, 3, 4]),
        (10, [0, 3, 0], [0, 10, 0]),
        (0, [5, 2], [0, 0]),
        (1, [1, 10**9], [0, 1]),
        (10**15 + 1, [1, 1], [5 * 10**14, 5 * 10**14 + 1]),
    ],
)
def test_parts_come_to_the_whole(amount, weights, parts):
    assert split(amount, weights) == parts
    assert sum(parts) == amount


def test_costs_are_added():
    one = cost(rate(0, 2, USD))
    assert add_costs([one, one, NO_COST]).amount_nanos == 2 * one.amount_nanos
