"""Worked examples of bookings. Debits are positive, credits negative."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.invoice import Totals
from billing.domain.postings import invoice_issued, usage_rated


def booked(postings):
    return {str(posting.account): posting.amount_nano_usd for posting in postings}


def test_rated_usage_is_revenue_that_is_not_billed_yet():
    assert booked(usage_rated(72_000)) == {"unbilled": 72_000, "revenue": -72_000}


@pytest.mark.parametrize(
    ("cents", "nano_usd", "entries"),
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
def test_an_issued_invoice_is_a_debt(cents, nano_usd, entries):
    assert booked(invoice_issued(Totals(cents=cents, nano_usd=nano_usd))) == entries


@given(st.integers(-(10**18), 10**18), st.integers(0, 10**9), st.integers(0, 10**18))
def test_every_booking_sums_to_zero(growth, cents, nano_usd):
    for postings in (
        usage_rated(growth),
        invoice_issued(Totals(cents=cents, nano_usd=nano_usd)),
    ):
        assert sum(booked(postings).values()) == 0
        assert 0 not in booked(postings).values()
