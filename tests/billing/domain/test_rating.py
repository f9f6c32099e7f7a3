"""Worked examples of rating: tokens times price."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from billing.domain.month import MonthTerms, charge_month
from billing.domain.periods import month_of
from billing.domain.price_models import MeterPricing, PriceModel, Step
from billing.domain.rating import METER_NAMES, Price, Rates, Usage, find_pricings
from billing.errors import UnpricedUsageError
from metering.domain.usage import Meter

NEW, CACHED, OUTPUT, IMAGES, HBM, HOST, DISK = METER_NAMES
SMALL = Price(
    price_version_id=1,
    model="small",
    rates=Rates(
        new_input_nanos_per_million=100_000_000,  # 0.10 USD
        cached_input_nanos_per_million=20_000_000,  # 0.02 USD
        output_nanos_per_million=400_000_000,  # 0.40 USD
    ),
)
DEARER = Price(
    price_version_id=2,
    model="small",
    rates=Rates(
        new_input_nanos_per_million=200_000_000,
        cached_input_nanos_per_million=40_000_000,
        output_nanos_per_million=800_000_000,
    ),
)
PRICES = {1: SMALL, 2: DEARER}


def used(meter, quantity, **changes):
    fields = {"model": "small", "price_version_id": 1, **changes}
    return Usage(meter=meter, quantity=quantity, **fields)


def rate(usages, prices):
    terms = MonthTerms(month=month_of(datetime(2026, 11, 1, tzinfo=UTC)))
    return charge_month(find_pricings(usages, prices), terms)


def amounts(usages):
    return [(x.price_version_id, x.meter, x.amount_nanos) for x in rate(usages, PRICES)]


def test_it_works():
    """Two calls: 1,000 input tokens of which 600 were cached, and 50 of output.

    400 new   * 0.10 USD / 1,000,000 = 0.000040 USD =  40,000 nanos
    600 cached * 0.02 USD / 1,000,000 = 0.000012 USD = 12,000 nanos
    50 output * 0.40 USD / 1,000,000 = 0.000020 USD =  20,000 nanos
    """
    usages = [used(OUTPUT, 50), used(CACHED, 600), used(NEW, 400), used("requests", 2)]

    assert amounts(usages) == [
        (1, NEW, 40_000),
        (1, CACHED, 12_000),
        (1, OUTPUT, 20_000),
    ]


def test_a_price_change_inside_the_month_gives_a_line_for_each_version():
    usages = [used(NEW, 1_000), used(NEW, 1_000, price_version_id=2)]

    assert amounts(usages) == [(1, NEW, 100_000), (2, NEW, 200_000)]


def test_images_are_priced_where_they_are_sold():
    """3 images at 0.04 USD each, kept per million."""
    rates = replace(SMALL.rates, image_nanos_per_million=40_000_000_000_000)
    prices = {1: replace(SMALL, rates=rates)}

    (charge,) = rate([used(IMAGES, 3)], prices)

    assert charge.amount_nanos == 120_000_000


def test_leases_are_rated_by_the_memory_they_lay_in():
    rates = replace(
        SMALL.rates,
        hbm_mb_s_nanos_per_million=13_500_000,
        host_mb_s_nanos_per_million=200_000,
        disk_mb_s_nanos_per_million=2_850,
    )
    prices = {SMALL.price_version_id: replace(SMALL, rates=rates)}

    usage = [used(DISK, 10_000_000), used(HOST, 1_000_000), used(HBM, 20_133)]
    hbm, host, disk = rate(usage, prices)

    assert (hbm.meter, hbm.amount_nanos) == (HBM, 271_796)
    assert (host.meter, host.amount_nanos) == (HOST, 200_000)
    assert (disk.meter, disk.amount_nanos) == (DISK, 28_500)


@pytest.mark.parametrize("meter", ["requests", "leased_input_tokens"])
def test_what_is_only_shown_has_no_price(meter):
    assert amounts([used(meter, 5)]) == []


def test_every_meter_is_priced_or_known_to_be_free():
    """A meter added to metering must be given a price here, or be said to be free."""
    assert {meter.value for meter in Meter} == {
        *METER_NAMES,
        *("requests", "leased_input_tokens", "charged_nanos"),
    }


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        (used(NEW, 1, price_version_id=9), "which is not there"),
        (used(NEW, 1, model="large"), "which is of small"),
        (used(IMAGES, 1), "does not sell them"),
        (used(HBM, 1), "does not sell them"),
        (used(HOST, 1), "does not sell them"),
        (used("minutes", 1), "no price knows"),
    ],
)
def test_it_refuses_usage_without_a_price_of_its_model(usage, reason):
    with pytest.raises(UnpricedUsageError, match=reason):
        rate([used(NEW, 1), usage], PRICES)


def test_it_refuses_a_negative_rate():
    with pytest.raises(ValueError, match="below zero"):
        Rates(
            new_input_nanos_per_million=0,
            cached_input_nanos_per_million=-1,
            output_nanos_per_million=0,
        )


def test_a_graduated_meter_costs_what_its_steps_say():
    """1,000 output tokens at 0.40 USD per million, the other 500 at 0.20:
    400,000 + 100,000 nanos.
    """
    steps = (Step(1000, 400_000_000), Step(None, 200_000_000))
    graduated = MeterPricing(PriceModel.GRADUATED, steps=steps)
    prices = {1: replace(SMALL, pricings={OUTPUT: graduated})}

    charges = rate([used(OUTPUT, 1500), used(NEW, 10)], prices)

    assert [(charge.meter, charge.amount_nanos) for charge in charges] == [
        (NEW, 1000),
        (OUTPUT, 500_000),
    ]
