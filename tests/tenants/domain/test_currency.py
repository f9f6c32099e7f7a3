import pytest

from tenants.domain.currency import CURRENCIES, SYMBOLS, checked_currency
from tenants.errors import UnknownCurrencyError


@pytest.mark.parametrize(
    ("typed", "code"), [("USD", "USD"), (" eur ", "EUR"), ("chf", "CHF")]
)
def test_it_works(typed, code):
    assert checked_currency(typed) == code


@pytest.mark.parametrize("typed", ["JPY", "KWD", "EURO", "", "€"])
def test_it_refuses_what_has_no_cents_or_is_none(typed):
    with pytest.raises(UnknownCurrencyError, match="two decimals"):
        checked_currency(typed)


def test_no_two_are_written_alike():
    assert len(set(SYMBOLS.values())) == len(CURRENCIES)
