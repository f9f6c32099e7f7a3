import pytest

from metering.domain.amounts import decimal_amount


@pytest.mark.parametrize(
    ("amount", "digits", "text"),
    [
        (0, 9, "0.00"),
        (1, 9, "0.000000001"),
        (4_840, 9, "0.00000484"),
        (1_500_000_000, 9, "1.50"),
        (12_000_000_000, 9, "12.00"),
        (6_900_000_000, 15, "0.0000069"),
    ],
)
def test_it_works(amount, digits, text):
    assert decimal_amount(amount, digits=digits) == text
