"""A line worked out again, as an accountant would with a pencil."""

from dataclasses import replace
from datetime import date

from billing.domain.derived_line import BilledLine, derive_line
from billing.domain.price_models import MeterPricing, PriceModel, Step, standard

DAYS = {date(2026, 11, 20): 9_000, date(2026, 11, 21): 6_000}
LINE = BilledLine(
    quantity=15_000,
    included_quantity=0,
    gross_nanos=6_000_000,
    discount_nanos=0,
    amount_cents=1,
)
OUTPUT = standard(400_000_000)
"""0.40 USD per million."""


def test_it_works():
    """15,000 at 0.40 per million is 0.006 USD, and 0.6 cents are rounded to 1."""
    derived = derive_line(DAYS, LINE, OUTPUT)
    assert [(one.quantity, one.amount_nanos) for one in derived.steps] == [
        (15_000, 6_000_000)
    ]
    assert (derived.amount_nanos, derived.amount_cents) == (6_000_000, 1)
    assert derived.is_same


def test_included_units_and_a_discount_are_taken_off():
    """5,000 are included: 10,000 cost 0.004; a fourth less is 0.003, or 0 cents."""
    line = replace(
        LINE,
        included_quantity=5_000,
        gross_nanos=4_000_000,
        discount_nanos=1_000_000,
        amount_cents=0,
    )
    derived = derive_line(DAYS, line, OUTPUT)
    assert (derived.gross_nanos, derived.amount_nanos) == (4_000_000, 3_000_000)
    assert derived.is_same


def test_steps_are_explained():
    """10,000 at 0.40 and 5,000 at 0.20: 0.004 and 0.001."""
    pricing = MeterPricing(
        PriceModel.GRADUATED,
        steps=(Step(10_000, 400_000_000), Step(None, 200_000_000)),
    )
    line = replace(LINE, gross_nanos=5_000_000)
    derived = derive_line(DAYS, line, pricing)
    assert [one.amount_nanos for one in derived.steps] == [4_000_000, 1_000_000]
    assert derived.is_same


def test_a_later_invoice_bills_the_rest_of_the_month():
    """85,000 were billed before, for 0.034 of 0.04; 0.006 is left for these."""
    derived = derive_line(DAYS, LINE, OUTPUT, earlier_quantity=85_000)
    assert derived.earlier_nanos == 34_000_000
    assert derived.is_same


def test_what_is_billed_and_was_never_used_differs():
    line = replace(LINE, quantity=16_000, gross_nanos=6_400_000)
    derived = derive_line(DAYS, line, OUTPUT)
    assert not derived.is_same
    assert derived.amount_nanos == 6_000_000
    later = derive_line(DAYS, line, OUTPUT, earlier_quantity=84_000)
    assert not later.is_same
    assert later.amount_nanos == 6_000_000


def test_it_refuses_a_wrong_rounding():
    assert not derive_line(DAYS, replace(LINE, amount_cents=0), OUTPUT).is_same
