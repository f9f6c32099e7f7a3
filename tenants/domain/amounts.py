"""Amounts as a log says them: exact, without their currency, which is the tenant's."""

from decimal import Decimal

_NANO_DIGITS = 9
_CENT_DIGITS = 2


def text_of_nanos(amount_nanos: int) -> str:
    """`12.5` for 12,500,000,000."""
    text = f"{Decimal(amount_nanos).scaleb(-_NANO_DIGITS):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def text_of_cents(amount_cents: int) -> str:
    """`12.50` for 1250."""
    return f"{Decimal(amount_cents).scaleb(-_CENT_DIGITS):f}"
