from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.taxes import (
    OUT_OF_SCOPE,
    OUTSIDE,
    REVERSE_CHARGE,
    TaxCategory,
    TaxQuestion,
    TaxTreatment,
    countries_asked,
    net_of_lines,
    tax_groups,
    treat,
)
from billing.errors import NoTaxRateError

RATES = {"DE": 1900, "FR": 2000, "CH": 810, "ZZ": 0}


def question(**fields) -> TaxQuestion:
    return TaxQuestion(
        **{
            "seller_country": "DE",
            "seller_vat_id": "DE136695976",
            "buyer_country": "FR",
            "buyer_vat_id": "",
            "buyer_is_business": False,
            "on": date(2026, 11, 30),
            **fields,
        }
    )


def standard(rate_basis_points: int, country: str = "") -> TaxTreatment:
    return TaxTreatment(
        category=TaxCategory.STANDARD,
        rate_basis_points=rate_basis_points,
        country=country,
    )


FRENCH, GERMAN = standard(2000, "FR"), standard(1900, "DE")


BUSINESS = {"buyer_is_business": True, "buyer_vat_id": "FR40303265045"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, FRENCH),
        (BUSINESS, REVERSE_CHARGE),
        ({"buyer_country": "DE"}, GERMAN),
        ({**BUSINESS, "buyer_country": "DE"}, GERMAN),
        ({"buyer_country": ""}, GERMAN),
        ({"buyer_country": "US"}, OUTSIDE),
        ({**BUSINESS, "buyer_country": "US"}, OUTSIDE),
        ({"buyer_country": "CH", "seller_country": "CH"}, standard(810, "CH")),
        ({"seller_country": "CH"}, OUTSIDE),
        ({"seller_vat_id": ""}, OUT_OF_SCOPE),
        ({**BUSINESS, "seller_vat_id": ""}, OUT_OF_SCOPE),
        # A number alone, or a business that gives none, is taxed as a consumer.
        ({"buyer_vat_id": "FR40303265045"}, FRENCH),
        ({"buyer_is_business": True}, FRENCH),
    ],
)
def test_it_works(fields, expected):
    assert treat(question(**fields), RATES) == expected


def test_a_rate_of_zero_is_a_category_of_its_own():
    asked = question(seller_country="ZZ", buyer_country="ZZ")
    assert treat(asked, RATES).category == TaxCategory.ZERO


def test_it_refuses_a_country_without_a_rate():
    with pytest.raises(NoTaxRateError, match="ES"):
        treat(question(buyer_country="ES"), RATES)


def test_it_asks_for_no_more_than_two_countries():
    assert countries_asked(question()) == {"DE", "FR"}
    assert countries_asked(question(buyer_country="")) == {"DE"}


def test_whoever_pays_no_tax_is_told_why():
    for treatment in (REVERSE_CHARGE, OUTSIDE, OUT_OF_SCOPE):
        assert treatment.reason
        assert treatment.rate_basis_points == 0


def test_the_tax_of_a_group_is_rounded_once():
    """Three lines of 13 cents: 7.41 is 7, although each alone would bear 2.47, 2."""
    (group,) = tax_groups([(standard(1900), 13)] * 3, is_inclusive=False)
    assert (group.taxable_cents, group.tax_cents) == (39, 7)


def test_included_tax_is_taken_out():
    (group,) = tax_groups([(standard(1900), 11_900)], is_inclusive=True)
    assert (group.taxable_cents, group.tax_cents) == (10_000, 1_900)


LINES = st.lists(
    st.tuples(
        st.sampled_from([standard(1900), standard(2550), REVERSE_CHARGE]),
        st.integers(0, 10**12),
    ),
    max_size=30,
)


# Run once with 20,000 examples each.
@given(lines=LINES, is_inclusive=st.booleans())
def test_groups_hold_every_cent_and_none_is_negative(lines, is_inclusive):
    groups = tax_groups(lines, is_inclusive=is_inclusive)
    assert len({group.treatment for group in groups}) == len(groups)
    assert all(group.taxable_cents >= 0 <= group.tax_cents for group in groups)
    shown = sum(amount_cents for _, amount_cents in lines)
    taxable = sum(group.taxable_cents for group in groups)
    tax = sum(group.tax_cents for group in groups)
    assert shown == (taxable + tax if is_inclusive else taxable)


@given(
    amount=st.integers(0, 10**12),
    rate=st.integers(0, 10_000),
    is_inclusive=st.booleans(),
)
def test_the_tax_is_the_rate_of_what_is_taxed_within_a_cent(amount, rate, is_inclusive):
    (group,) = tax_groups([(standard(rate), amount)], is_inclusive=is_inclusive)
    distance = abs(group.tax_cents * 10_000 - group.taxable_cents * rate)
    assert distance <= (10_000 if is_inclusive else 5_000)
    assert group.tax_cents <= group.taxable_cents + 1


@given(
    lines=st.lists(st.integers(0, 10**9), min_size=1, max_size=30),
    rate=st.integers(0, 3_000),
)
def test_net_lines_add_up_and_are_within_a_cent_of_their_share(lines, rate):
    (group,) = tax_groups([(standard(rate), sum(lines))], is_inclusive=True)
    net = net_of_lines(lines, group.taxable_cents)
    assert sum(net) == group.taxable_cents
    total = sum(lines)
    for before, after in zip(lines, net, strict=True):
        assert 0 <= after <= before
        assert abs(after * total - before * group.taxable_cents) <= total


def test_it_refuses_to_share_among_lines_of_nothing():
    with pytest.raises(ValueError, match="nothing"):
        net_of_lines([0, 0], 1)
