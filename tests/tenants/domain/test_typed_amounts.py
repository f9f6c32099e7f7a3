"""Amounts are read with a comma or a point; one that may mean two is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.domain.typed_amounts import AmbiguousAmountError, plain_amount


@pytest.mark.parametrize("decimal_sign", [".", ","])
@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("12", "12"),
        ("12.50", "12.50"),
        ("12,50", "12.50"),
        (" 12,5 ", "12.5"),
        (",5", ".5"),
        ("0.125", "0.125"),
        ("0,125", "0.125"),
        ("1234.567", "1234.567"),
        ("1,2345", "1.2345"),
        ("-1,5", "-1.5"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("12.345.678", "12345678"),
        ("12,345,678.9", "12345678.9"),
    ],
)
def test_it_works(text, plain, decimal_sign):
    assert plain_amount(text, decimal_sign=decimal_sign) == plain


@pytest.mark.parametrize(
    ("text", "decimal_sign"),
    [("1.234", ","), ("1,234", "."), ("999.999", ","), ("-12,500", ".")],
)
def test_it_refuses_what_may_mean_two_amounts(text, decimal_sign):
    with pytest.raises(AmbiguousAmountError):
        plain_amount(text, decimal_sign=decimal_sign)

    other = "," if decimal_sign == "." else "."
    assert plain_amount(text, decimal_sign=other) == text.replace(",", ".")


@pytest.mark.parametrize(
    "text",
    ["", "much", "1.23,4.5", "12.34,50", "1,23,456", "1.2345,6", "1,,5", "1.234,5,6"],
)
def test_what_is_no_amount_stays_as_it_is(text):
    assert plain_amount(text, decimal_sign=",") == text


@given(st.decimals(0, 10**9, places=2, allow_nan=False))
def test_what_a_language_writes_is_read_as_meant(amount):
    english = f"{amount:,}"
    german = english.translate(str.maketrans(",.", ".,"))

    assert Decimal(plain_amount(english, decimal_sign=".")) == amount
    assert Decimal(plain_amount(german, decimal_sign=",")) == amount
