"""Worked examples: each can be followed with a pencil."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain import money
from billing.errors import InvalidRateError

USD = 1_000_000_000
"""In nanos."""

AMOUNTS = [
    # A million tokens cost exactly the rate.
    (1_000_000, 100_000_000, 100_000_000),
    # One token at 0.10 USD per million: 0.10 / 1,000,000 = 0.0000001 USD.
    (1, 100_000_000, 100),
    # 37 tokens at 0.40 USD per million: 37 * 400 nanos.
    (37, 400_000_000, 14_800),
    # 123 tokens at 0.02 USD per million: 123 * 20 nanos.
    (123, 20_000_000, 2_460),
    # A rate so fine that the amount is not whole: 3 * 0.000500 = 0.0015 nanos.
    (3, 500, 0),
    # Exactly half a nano goes up: 1 * 500,000 / 1,000,000 = 0.5.
    (1, 500_000, 1),
    # Just below half goes down: 0.499999.
    (1, 499_999, 0),
    # 1.5 goes up to 2, and 2.5 to 3: half up, not half to even.
    (3, 500_000, 2),
    (5, 500_000, 3),
    (0, 400_000_000, 0),
    (10**12, 0, 0),
    # A trillion tokens at 15 USD per million: 15 million USD, far from any limit.
    (10**12, 15 * USD, 15_000_000 * USD),
]
CENTS = [
    (0, 0),
    # 0.004999999 USD is less than half a cent.
    (4_999_999, 0),
    # 0.005 USD is exactly half a cent, and goes up.
    (5_000_000, 1),
    (14_999_999, 1),
    (15_000_000, 2),
    (25_000_000, 3),
    (12 * USD + 345_000_000, 1235),
]
EXACT = [
    (0, "0.00"),
    (1, "0.000000001"),
    (12_300, "0.0000123"),
    (10_000_000, "0.01"),
    (1_500_000_000, "1.50"),
    (1_234_567_890, "1.23456789"),
    (-10_000, "-0.00001"),
    (9_000_000_000 * USD, "9000000000.00"),
]


@pytest.mark.parametrize(("quantity", "rate", "amount"), AMOUNTS)
def test_an_amount(quantity, rate, amount):
    assert money.amount_nanos(quantity, rate) == amount


@pytest.mark.parametrize(("amount", "cents"), CENTS)
def test_cents(amount, cents):
    assert money.cents(amount) == cents


@pytest.mark.parametrize(("amount", "text"), EXACT)
def test_exact_amount(amount, text):
    assert money.exact_amount(amount) == text


@pytest.mark.parametrize(
    ("cents", "text"), [(0, "0.00"), (5, "0.05"), (1234, "12.34"), (-1, "-0.01")]
)
def test_amount_of_cents(cents, text):
    assert money.amount_of_cents(cents) == text


@pytest.mark.parametrize("function", [money.cents, lambda n: money.amount_nanos(n, 1)])
def test_it_refuses_less_than_nothing(function):
    with pytest.raises(ValueError, match="from zero up"):
        function(-1)


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("0.10", 100_000_000),
        ("0", 0),
        ("15", 15 * USD),
        ("0.000000001", 1),
        ("1e-1", 100_000_000),
        (" 0.4 ", 400_000_000),
    ],
)
def test_a_rate_is_parsed_exactly(text, nanos):
    assert money.parse_rate(text) == nanos


@pytest.mark.parametrize(
    "text",
    [
        "",
        "free",
        "-1",
        "-0",
        "NaN",
        "Infinity",
        "0.0000000001",
        "1000000.01",
        "1e99999",
    ],
)
def test_it_refuses_what_is_no_exact_rate(text):
    with pytest.raises(InvalidRateError):
        money.parse_rate(text)


@given(st.integers(0, 10**15), st.integers(0, 10**12))
def test_an_amount_is_within_half_a_nanos(quantity, rate):
    amount = money.amount_nanos(quantity, rate)

    assert -500_000 <= quantity * rate - amount * 1_000_000 < 500_000 or (
        amount * 1_000_000 - quantity * rate == 500_000
    )


@given(st.integers(-(10**18), 10**18))
def test_text_says_the_whole_amount(amount):
    whole, decimals = money.exact_amount(amount).split(".")
    digits = int(whole + decimals.ljust(9, "0"))

    assert digits == amount
    assert len(decimals) >= 2
