"""Which prices of one model are refused beside each other."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.price_list import (
    check_no_arbitrage,
    not_standard,
    rates_of,
    with_pricings,
)
from billing.domain.price_models import MeterPricing, PriceModel, Step, standard
from billing.domain.rating import Price, Rates
from billing.errors import ArbitrageError, InvalidPricingError
from tests.billing.domain.test_price_models import pricings, quantities

RATES = Rates(
    new_input_nanos_per_million=100,
    cached_input_nanos_per_million=20,
    output_nanos_per_million=400,
    hbm_mb_s_nanos_per_million=30,
    host_mb_s_nanos_per_million=20,
    disk_mb_s_nanos_per_million=10,
)
GRADUATED = MeterPricing(PriceModel.GRADUATED, steps=(Step(10, 100), Step(None, 50)))


def check(rates=RATES, **pricings):
    check_no_arbitrage(
        Price(price_version_id=1, model="small", rates=rates, pricings=pricings)
    )


def test_it_works():
    check()
    check(new_input_tokens=GRADUATED)


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({"cached_input": 101}, "cached_input_tokens would cost more than new_input"),
        ({"host_mb_s": 31}, "host_mb_s would cost more than hbm_mb_s"),
        ({"disk_mb_s": 21}, "disk_mb_s would cost more than host_mb_s"),
        ({"disk_mb_s": 31, "host_mb_s": None}, "disk_mb_s would cost more than hbm"),
    ],
)
def test_it_refuses_a_worse_thing_that_is_dearer(rates, said):
    changes = {f"{name}_nanos_per_million": rate for name, rate in rates.items()}

    with pytest.raises(ArbitrageError, match=said):
        check(replace(RATES, **changes))


def test_it_refuses_cached_input_that_becomes_the_dearer_with_much_use():
    with pytest.raises(ArbitrageError):
        check(
            replace(RATES, cached_input_nanos_per_million=60),
            new_input_tokens=GRADUATED,
        )


def test_it_refuses_cached_input_of_which_a_unit_costs_more():
    """The hold for a call of new input would not be enough."""
    dear_at_first = MeterPricing(
        PriceModel.GRADUATED, steps=(Step(10, 0), Step(20, 101), Step(None, 50))
    )

    with pytest.raises(ArbitrageError):
        check(cached_input_tokens=dear_at_first)


def test_a_rate_becomes_the_dearest_of_its_steps():
    assert with_pricings(RATES, {"output_tokens": GRADUATED}) == replace(
        RATES, output_nanos_per_million=100
    )


def test_a_price_is_given_meter_by_meter():
    pricings = {
        "new_input_tokens": standard(100),
        "cached_input_tokens": standard(20),
        "output_tokens": GRADUATED,
    }

    assert rates_of(pricings) == Rates(
        new_input_nanos_per_million=100,
        cached_input_nanos_per_million=20,
        output_nanos_per_million=100,
    )


def test_it_refuses_a_price_without_output():
    with pytest.raises(InvalidPricingError, match="no price for output_tokens"):
        rates_of({"new_input_tokens": standard(1), "cached_input_tokens": standard(1)})


def test_it_refuses_a_meter_that_has_no_price():
    with pytest.raises(InvalidPricingError, match="no price of requests"):
        with_pricings(RATES, {"requests": standard(1)})


def test_a_standard_price_is_told_by_its_rate():
    pricings = {"images": standard(1), "output_tokens": GRADUATED}

    assert not_standard(pricings) == {"output_tokens": GRADUATED}


@given(prices=st.tuples(pricings, pricings), new=quantities, cached=quantities)
def test_a_hold_that_takes_all_input_for_new_is_enough(prices, new, cached):
    """Run once with 5,000 examples."""
    given_pricings = {
        "new_input_tokens": prices[0],
        "cached_input_tokens": prices[1],
        "output_tokens": standard(0),
    }
    rates = rates_of(given_pricings)
    price = Price(
        price_version_id=1, model="small", rates=rates, pricings=given_pricings
    )
    try:
        check_no_arbitrage(price)
    except ArbitrageError:
        return

    held = (new + cached) * rates.new_input_nanos_per_million
    charged = (
        new * rates.new_input_nanos_per_million
        + cached * rates.cached_input_nanos_per_million
    )
    assert charged <= held
