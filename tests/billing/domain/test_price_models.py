"""Worked examples of the price models, and what holds for every price.

The properties were run once with 5,000 examples each.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.money import amount_nanos
from billing.domain.price_models import (
    MeterPricing,
    PriceModel,
    Step,
    amount_of,
    dearest_rate,
    explain,
    is_dearer_somewhere,
    standard,
)
from billing.errors import InvalidPricingError

USD = 1_000_000_000
MILLION = 1_000_000

PACKAGES = MeterPricing(
    PriceModel.PACKAGE, package_units=MILLION, package_nanos=2 * USD
)
"""2 USD for each million begun."""
STEPS = (Step(MILLION, 2 * USD), Step(5 * MILLION, USD), Step(None, USD // 2))
"""Up to a million 2 USD per million, up to five 1 USD, and 0.50 USD above."""
GRADUATED = MeterPricing(PriceModel.GRADUATED, steps=STEPS)
VOLUME = MeterPricing(PriceModel.VOLUME, steps=STEPS)
WITH_FLATS = (Step(MILLION, 0, 3 * USD), Step(None, USD, USD))
"""3 USD for the first million, then 1 USD once and 1 USD per million."""


@pytest.mark.parametrize(
    ("pricing", "quantity", "expected_nanos"),
    [
        # 3 million at 0.10 USD per million.
        (standard(USD // 10), 3 * MILLION, 3 * USD // 10),
        # One unit at 500,000 nanos per million is half a nano: rounded up.
        (standard(500_000), 1, 1),
        (standard(499_999), 1, 0),
        # The unit above two million begins a third package.
        (PACKAGES, 1, 2 * USD),
        (PACKAGES, 2 * MILLION, 4 * USD),
        (PACKAGES, 2 * MILLION + 1, 6 * USD),
        # 1 million * 2 + 4 million * 1 + 1 million * 0.50 = 2 + 4 + 0.50 USD.
        (GRADUATED, MILLION, 2 * USD),
        (GRADUATED, 6 * MILLION, 6_500_000_000),
        # 6 million lie in the last step: all of them at 0.50 USD.
        (VOLUME, 6 * MILLION, 3 * USD),
        (VOLUME, 2 * MILLION, 2 * USD),
        # 900,000 at 2 USD would be 1.80, but 1,000,001 at 1 USD are 1.000001 USD.
        (VOLUME, 900_000, 1_000_001_000),
        # 4 million at 1 USD would be 4, but 5,000,001 at 0.50 are 2.5000005 USD.
        (VOLUME, 4 * MILLION, 2_500_000_500),
        # The flat amount of a step is owed by its first unit.
        (MeterPricing(PriceModel.GRADUATED, steps=WITH_FLATS), 1, 3 * USD),
        (MeterPricing(PriceModel.GRADUATED, steps=WITH_FLATS), MILLION, 3 * USD),
        (MeterPricing(PriceModel.GRADUATED, steps=WITH_FLATS), 2 * MILLION, 5 * USD),
        # Volume: all 2 million at 1 USD, and 1 USD once. One unit would cost 3 USD, but
        # 1,000,001 units cost 2.000001.
        (MeterPricing(PriceModel.VOLUME, steps=WITH_FLATS), 2 * MILLION, 3 * USD),
        (MeterPricing(PriceModel.VOLUME, steps=WITH_FLATS), 1, 2_000_001_000),
    ],
)
def test_it_works(pricing, quantity, expected_nanos):
    assert amount_of(pricing, quantity) == expected_nanos


def test_the_arithmetic_is_shown_row_by_row():
    rows = explain(MeterPricing(PriceModel.GRADUATED, steps=WITH_FLATS), 3 * MILLION)

    assert [(row.label, row.quantity, row.amount_nanos) for row in rows] == [
        ("1 to 1,000,000", MILLION, 0),
        ("1 to 1,000,000, flat", 0, 3 * USD),
        ("1,000,001 and more", 2 * MILLION, 2 * USD),
        ("1,000,001 and more, flat", 0, USD),
    ]


@pytest.mark.parametrize(
    ("pricing", "quantity", "labels"),
    [
        (standard(1), 5, ["each"]),
        (PACKAGES, 2 * MILLION + 1, ["3 of 1,000,000"]),
        (VOLUME, 6 * MILLION, ["all, for 5,000,001 and more"]),
        (VOLUME, 4 * MILLION, ["no more than 5,000,001 cost"]),
        (GRADUATED, 0, []),
    ],
)
def test_each_model_has_its_words(pricing, quantity, labels):
    assert [row.label for row in explain(pricing, quantity)] == labels


@pytest.mark.parametrize(
    ("pricing", "rate"),
    [
        (standard(7), 7),
        (PACKAGES, 2 * USD),
        # A third of a nano per million is rounded up.
        (MeterPricing(PriceModel.PACKAGE, package_units=3 * MILLION), 0),
        (
            MeterPricing(
                PriceModel.PACKAGE, package_units=3 * MILLION, package_nanos=1
            ),
            1,
        ),
        (GRADUATED, 2 * USD),
        # 3 USD over the first million; above it 1 USD, and 1 USD over that million.
        (MeterPricing(PriceModel.GRADUATED, steps=WITH_FLATS), 3 * USD),
    ],
)
def test_the_proxy_charges_by_the_dearest_rate(pricing, rate):
    assert dearest_rate(pricing) == rate


@pytest.mark.parametrize(
    "parts",
    [
        {"model": PriceModel.STANDARD, "rate_nanos_per_million": -1},
        {"model": PriceModel.STANDARD, "rate_nanos_per_million": 10**18 + 1},
        {"model": PriceModel.STANDARD, "steps": STEPS},
        {"model": PriceModel.STANDARD, "package_units": 1},
        {"model": PriceModel.PACKAGE},
        {"model": PriceModel.PACKAGE, "package_units": -1},
        {"model": PriceModel.PACKAGE, "package_units": 1, "package_nanos": -1},
        {
            "model": PriceModel.PACKAGE,
            "package_units": 1,
            "rate_nanos_per_million": 1,
        },
        {"model": PriceModel.GRADUATED},
        {"model": PriceModel.GRADUATED, "steps": (Step(5, 1),)},
        {"model": PriceModel.GRADUATED, "steps": (Step(None, 1), Step(None, 1))},
        {"model": PriceModel.GRADUATED, "steps": (Step(0, 1), Step(None, 1))},
        {"model": PriceModel.VOLUME, "steps": (Step(5, 1), Step(5, 1), Step(None, 1))},
        {"model": PriceModel.VOLUME, "steps": (Step(10**15 + 1, 1), Step(None, 1))},
        {"model": PriceModel.VOLUME, "steps": (Step(5, -1), Step(None, 1))},
        {"model": PriceModel.VOLUME, "steps": (Step(5, 1, -1), Step(None, 1))},
        {"model": PriceModel.VOLUME, "steps": (Step(5, 1, 10**16), Step(None, 1))},
        {"model": PriceModel.VOLUME, "steps": (Step(None, 1, 1),)},
        {"model": PriceModel.VOLUME, "steps": tuple(Step(i + 1, 1) for i in range(21))},
    ],
)
def test_it_refuses_what_makes_no_sense(parts):
    with pytest.raises(InvalidPricingError):
        MeterPricing(**parts)


def test_it_refuses_a_quantity_below_zero():
    with pytest.raises(ValueError, match="no quantity"):
        amount_of(standard(1), -1)


@pytest.mark.parametrize(
    ("pricing", "other", "is_dearer"),
    [
        (standard(2), standard(2), False),
        (standard(3), standard(2), True),
        # 6.50 USD for six million against 6; but 2 against 1 for the first.
        (GRADUATED, standard(USD), True),
        (GRADUATED, standard(2 * USD), False),
        (standard(USD), GRADUATED, True),  # from 8 million on
        (PACKAGES, standard(2 * USD), False),
        (PACKAGES, standard(2 * USD - 1), True),
        (VOLUME, GRADUATED, False),
    ],
)
def test_what_is_dearer_for_some_quantity(pricing, other, is_dearer):
    assert is_dearer_somewhere(pricing, other) is is_dearer


rates = st.integers(0, 10**12)
flats = st.one_of(st.just(0), st.integers(0, 10**11))
quantities = st.one_of(st.integers(0, 300), st.integers(0, 10**12))


@st.composite
def stepped(draw):
    bounds = st.one_of(st.integers(1, 200), st.integers(1, 10**9))
    ends = sorted(draw(st.sets(bounds, min_size=1, max_size=5)))
    return MeterPricing(
        draw(st.sampled_from([PriceModel.GRADUATED, PriceModel.VOLUME])),
        steps=tuple(Step(end, draw(rates), draw(flats)) for end in [*ends, None]),
    )


@st.composite
def packages(draw):
    units = draw(st.one_of(st.integers(1, 200), st.integers(1, 10**9)))
    return MeterPricing(
        PriceModel.PACKAGE, package_units=units, package_nanos=draw(flats)
    )


pricings = st.one_of(rates.map(standard), packages(), stepped())


@given(pricing=pricings, quantity=quantities, more=quantities)
def test_nobody_pays_less_by_using_more(pricing, quantity, more):
    assert amount_of(pricing, 0) == 0
    assert 0 <= amount_of(pricing, quantity) <= amount_of(pricing, quantity + more)


@given(pricing=pricings, quantity=quantities)
def test_the_rows_add_up(pricing, quantity):
    rows = explain(pricing, quantity)

    assert sum(row.amount_nanos for row in rows) == amount_of(pricing, quantity)
    assert sum(row.quantity for row in rows) == quantity
    assert all(row.amount_nanos >= 0 for row in rows)


@given(pricing=pricings, quantity=quantities)
def test_the_proxy_lacks_at_most_the_flat_amounts_or_one_package(pricing, quantity):
    charged = -(-quantity * dearest_rate(pricing) // MILLION)
    flats_nanos = [step.flat_nanos for step in pricing.steps]

    lacking = amount_of(pricing, quantity) - charged

    assert lacking <= max([pricing.package_nanos, *flats_nanos])


@given(pricing=stepped())
def test_at_the_end_of_a_step_nothing_lacks(pricing):
    for step in pricing.steps[:-1]:
        charged = -(-step.up_to * dearest_rate(pricing) // MILLION)
        assert amount_of(pricing, step.up_to) <= charged


@given(rate=rates, one=quantities, other=quantities)
def test_no_split_changes_a_linear_price_by_more_than_rounding(rate, one, other):
    apart = amount_of(standard(rate), one) + amount_of(standard(rate), other)

    assert abs(apart - amount_of(standard(rate), one + other)) <= 1


@given(rate=rates, end=st.integers(1, 10**9), quantity=quantities)
def test_steps_of_one_rate_are_a_standard_price(rate, end, quantity):
    expected = amount_nanos(quantity, rate)
    for model in (PriceModel.GRADUATED, PriceModel.VOLUME):
        pricing = MeterPricing(model, steps=(Step(end, rate), Step(None, rate)))
        assert amount_of(pricing, quantity) == expected


@given(steps=stepped(), quantity=quantities)
def test_a_volume_price_is_the_cheapest_of_this_or_any_later_quantity(steps, quantity):
    pricing = MeterPricing(PriceModel.VOLUME, steps=steps.steps)
    begins = [step.up_to + 1 for step in steps.steps[:-1] if step.up_to >= quantity]

    later = [amount_of(pricing, begin) for begin in begins]

    assert amount_of(pricing, quantity) <= min(later, default=10**30)
