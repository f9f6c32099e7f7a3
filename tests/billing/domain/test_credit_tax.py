"""Credit is sold without tax; what it says of tax, and who bears that of gifts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.credit_tax import credit_tax_words, tax_borne_cents
from billing.domain.taxes import (
    OUT_OF_SCOPE,
    OUTSIDE,
    REVERSE_CHARGE,
    TaxCategory,
    TaxTreatment,
)

FRENCH = TaxTreatment(
    category=TaxCategory.STANDARD, rate_basis_points=2000, country="FR"
)


def test_it_works():
    words = str(credit_tax_words(FRENCH, is_inclusive=False))

    assert "No tax is added to this purchase." in words
    assert "VAT of 20 % (FR)" in words
    assert "100.00 are enough for calls of 83.33 and their tax of 16.67" in words


def test_prices_may_hold_it():
    words = str(credit_tax_words(FRENCH, is_inclusive=True))

    assert "Prices include VAT of 20 % (FR)" in words
    assert "83.33" not in words


@pytest.mark.parametrize("treatment", [REVERSE_CHARGE, OUTSIDE, OUT_OF_SCOPE])
def test_where_there_is_none_it_says_why(treatment):
    words = str(credit_tax_words(treatment, is_inclusive=False))

    assert words == (
        f"No VAT is added, neither now nor on invoices. {treatment.reason}."
    )


def test_what_is_not_known_is_not_promised():
    words = str(credit_tax_words(None, is_inclusive=False))

    assert "worked out when an invoice is issued" in words


@pytest.mark.parametrize(
    ("gift", "lines", "tax", "borne"),
    [
        (500, 500, 100, 100),  # a gift of 5 USD pays for all calls: the tax is borne
        (300, 500, 100, 60),  # for three fifths of them
        (600, 500, 100, 0),  # it is enough for the tax as well
        (550, 500, 100, 50),  # for half of the tax
        (0, 500, 100, 0),
        (300, 500, 0, 0),
        (0, 0, 0, 0),
    ],
)
def test_the_tax_on_gifts_is_borne(gift, lines, tax, borne):
    found = tax_borne_cents(gift_cents=gift, lines_cents=lines, tax_cents=tax)

    assert found == borne


@given(
    lines=st.integers(0, 10**9),
    rate=st.integers(0, 30),
    percent_of_total=st.integers(0, 100),
)
def test_never_more_than_the_tax_nor_than_is_owed(lines, rate, percent_of_total):
    tax = lines * rate // 100
    gift = (lines + tax) * percent_of_total // 100

    borne = tax_borne_cents(gift_cents=gift, lines_cents=lines, tax_cents=tax)

    assert 0 <= borne <= tax
    assert gift + borne <= lines + tax
    if gift >= lines:
        assert gift + borne == lines + tax
