"""Worked examples of what an invoice bills."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.charges import Charge, ChargeKind, usage_key
from billing.domain.invoice import (
    Billed,
    Overbilled,
    Totals,
    number,
    overbilled,
    totals,
    unbilled,
)
from billing.domain.money import amount_nanos

KEY = usage_key(1, "output_tokens")


def charge(quantity, rate=400_000_000):
    return Charge(
        key=KEY,
        kind=ChargeKind.USAGE,
        model="small",
        meter="output_tokens",
        price_version_id=1,
        quantity=quantity,
        rate_nanos_per_million=rate,
        gross_nanos=amount_nanos(quantity, rate),
    )


def billed(quantity, rate=400_000_000):
    return {KEY: Billed(quantity=quantity, amount_nanos=amount_nanos(quantity, rate))}


def test_a_first_invoice_bills_all():
    assert unbilled([charge(50)], {}) == [charge(50)]


def test_late_usage_is_billed_by_itself():
    """1,000 tokens were billed, 1,050 are rated: 50 * 400 nanos remain."""
    (line,) = unbilled([charge(1_050)], billed(1_000))

    assert (line.quantity, line.amount_nanos) == (50, 20_000)


def test_a_month_in_two_invoices_costs_what_it_costs_in_one():
    """At half a nano a token, 3 tokens cost 1.5, rounded to 2 nanos. Billed as
    1 token (0.5, rounded to 1) and then 2 tokens, the second invoice bills 2 - 1 = 1.
    """
    (line,) = unbilled([charge(3, rate=500_000)], billed(1, rate=500_000))

    assert line.amount_nanos == 1


def test_what_is_billed_gives_no_line():
    assert unbilled([charge(50)], billed(50)) == []


def test_a_shorter_span_than_was_billed_gives_no_line():
    assert unbilled([charge(40)], billed(50)) == []


def test_billed_usage_that_is_gone_is_to_be_taken_back():
    """One of 50 tokens is gone: 400 nanos were billed too much."""
    (one,) = overbilled([charge(49)], billed(50))

    assert one == Overbilled(key=KEY, quantity=1, amount_nanos=400)
    (all_of_it,) = overbilled([], billed(50))
    assert (all_of_it.quantity, all_of_it.amount_nanos) == (50, 20_000)


def test_more_usage_that_costs_less_is_a_line_of_nothing_and_a_credit():
    """A volume price whose next step is cheaper: 60 tokens for what 40 cost before."""
    cheaper = replace(charge(60), gross_nanos=16_000)

    (line,) = unbilled([cheaper], billed(50))
    (one,) = overbilled([cheaper], billed(50))

    assert (line.quantity, line.amount_nanos) == (10, 0)
    assert (one.quantity, one.amount_nanos) == (0, 4_000)


def test_nothing_is_taken_back_where_more_is_rated():
    assert overbilled([charge(50), charge(51)], billed(50)) == []


def test_a_total_is_the_sum_of_the_rounded_lines():
    """Two lines of 0.6 cents: each is 1 cent, so 2 cents are owed, and not 1.

    15,000 tokens * 400 nanos = 6,000,000 nanos = 0.6 cents.
    """
    lines = [charge(15_000), charge(15_000)]

    assert totals(lines) == Totals(cents=2, nanos=12_000_000)


def test_many_lines_below_half_a_cent_owe_nothing():
    """12,000 tokens * 400 nanos = 4,800,000 nanos = 0.48 cents, three times."""
    lines = [charge(12_000)] * 3

    assert totals(lines) == Totals(cents=0, nanos=14_400_000)


def test_a_number():
    assert number("TF", year=2026, sequence=1) == "TF-2026-000001"
    assert number("TF", year=2026, sequence=1_234_567) == "TF-2026-1234567"


@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=8), st.integers(0, 2_000_000)
)
def test_however_a_month_is_cut_the_parts_sum_to_it(parts, rate):
    quantity, amount = 0, 0
    for part in parts:
        (line,) = unbilled(
            [charge(quantity + part, rate)],
            {KEY: Billed(quantity=quantity, amount_nanos=amount)},
        )
        assert line.amount_nanos >= 0
        quantity, amount = quantity + line.quantity, amount + line.amount_nanos

    assert (quantity, amount) == (sum(parts), amount_nanos(sum(parts), rate))
