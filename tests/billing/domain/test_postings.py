"""Worked examples of bookings. Debits are positive, credits negative."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.credit import CreditKind
from billing.domain.invoice import NO_TAX, Tax, Totals
from billing.domain.postings import (
    credit_drawn,
    credit_expired,
    credit_granted,
    credit_note_issued,
    invoice_issued,
    usage_rated,
)


def booked(postings):
    return {str(posting.account): posting.amount_nanos for posting in postings}


def test_rated_usage_is_revenue_that_is_not_billed_yet():
    assert booked(usage_rated(72_000)) == {"unbilled": 72_000, "revenue": -72_000}


@pytest.mark.parametrize(
    ("cents", "nanos", "entries"),
    [
        # 1.2345 USD are owed as 1.23: rounding took 0.0045 USD from us.
        (
            123,
            1_234_500_000,
            {
                "receivable": 1_230_000_000,
                "unbilled": -1_234_500_000,
                "rounding": 4_500_000,
            },
        ),
        # 0.006 USD are owed as 0.01: rounding gave us 0.004 USD.
        (
            1,
            6_000_000,
            {"receivable": 10_000_000, "unbilled": -6_000_000, "rounding": -4_000_000},
        ),
        # Nothing to round: no entry of nothing.
        (50, 500_000_000, {"receivable": 500_000_000, "unbilled": -500_000_000}),
        # Less than half a cent: nothing is owed, and all of it is rounding.
        (0, 72_000, {"unbilled": -72_000, "rounding": 72_000}),
        # An invoice of free usage books nothing.
        (0, 0, {}),
    ],
)
def test_an_issued_invoice_is_a_debt(cents, nanos, entries):
    totals = Totals(cents=cents, nanos=nanos)

    assert booked(invoice_issued(totals, NO_TAX)) == entries


def test_tax_is_owed_to_the_state():
    """19 % on top of 1.00 USD."""
    totals = Totals(cents=100, nanos=1_000_000_000)

    assert booked(invoice_issued(totals, Tax(cents=19))) == {
        "receivable": 1_190_000_000,
        "unbilled": -1_000_000_000,
        "tax": -190_000_000,
    }


def test_tax_within_a_price_is_no_revenue():
    """1.19 USD with 19 % in it."""
    totals = Totals(cents=119, nanos=1_190_000_000)

    assert booked(invoice_issued(totals, Tax(cents=19, is_inclusive=True))) == {
        "receivable": 1_190_000_000,
        "unbilled": -1_190_000_000,
        "tax": -190_000_000,
        "revenue": 190_000_000,
    }


def test_goodwill_costs_us_what_stays_rated():
    totals = Totals(cents=100, nanos=1_000_000_000)

    assert booked(credit_note_issued(totals, Tax(cents=19), is_adjustment=False)) == {
        "receivable": -1_190_000_000,
        "adjustments": 1_000_000_000,
        "tax": 190_000_000,
    }


@pytest.mark.parametrize(
    ("postings", "entries"),
    [
        # 25 USD are paid for: money is here, and we owe its worth in calls.
        (
            credit_granted(25_000_000_000, CreditKind.PURCHASED),
            {"funds": 25_000_000_000, "credit": -25_000_000_000},
        ),
        # 5 USD are a gift: nothing came in, and we owe them all the same.
        (
            credit_granted(5_000_000_000, CreditKind.PROMOTIONAL),
            {"promotions": 5_000_000_000, "credit": -5_000_000_000},
        ),
        # 2 USD of them are taken back.
        (
            credit_granted(-2_000_000_000, CreditKind.PROMOTIONAL),
            {"promotions": -2_000_000_000, "credit": 2_000_000_000},
        ),
        # An invoice of 1.23 USD is paid with credit: neither is owed any more.
        (
            credit_drawn(1_230_000_000),
            {"credit": 1_230_000_000, "receivable": -1_230_000_000},
        ),
        # It is voided: both are as before.
        (
            credit_drawn(-1_230_000_000),
            {"credit": -1_230_000_000, "receivable": 1_230_000_000},
        ),
        # 3 USD expire unused.
        (
            credit_expired(3_000_000_000),
            {"credit": 3_000_000_000, "breakage": -3_000_000_000},
        ),
        (credit_drawn(0), {}),
    ],
)
def test_credit(postings, entries):
    assert booked(postings) == entries


@given(
    st.integers(-(10**18), 10**18),
    st.integers(0, 10**9),
    st.integers(0, 10**18),
    st.integers(0, 10**9),
    st.booleans(),
)
def test_every_booking_sums_to_zero(growth, cents, nanos, tax_cents, is_inclusive):
    totals = Totals(cents=cents, nanos=nanos)
    tax = Tax(cents=tax_cents, is_inclusive=is_inclusive)
    for postings in (
        usage_rated(growth),
        invoice_issued(totals, tax),
        credit_note_issued(totals, tax, is_adjustment=True),
        credit_note_issued(totals, tax, is_adjustment=False),
        credit_granted(growth, CreditKind.PURCHASED),
        credit_granted(growth, CreditKind.PROMOTIONAL),
        credit_drawn(growth),
        credit_expired(nanos),
    ):
        assert sum(booked(postings).values()) == 0
        assert 0 not in booked(postings).values()
