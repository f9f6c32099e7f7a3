"""Money: integers of nanos (10⁻⁹ of a currency's unit), and where it is rounded.

1. `amount_nanos`: a quantity times a rate, to whole nanos.
2. `cents`: a line item's amount, to whole cents.
3. `tax_cents` and `included_tax_cents`: the tax of all lines of one rate together.

All round half up, and all take nothing below zero.
"""

from decimal import Decimal, InvalidOperation

from billing.errors import (
    InvalidAmountError,
    InvalidRateError,
    OtherCurrencyError,
)

NANOS_PER_UNIT = 1_000_000_000
NANOS_PER_CENT = 10_000_000
_CENTS_PER_UNIT = 100
BASIS_POINTS = 10_000
"""In a whole: a rate of 1900 is 19 %."""
UNITS_PER_RATE = 1_000_000
"""Tokens, or images: a rate is for a million of them."""
_RATE_DECIMALS = 9
_AMOUNT_MAX = 9_000_000
"""Valkey's Lua counts nanos in doubles; above this they skip integers."""
_RATE_MAX = 1_000_000
"""Per million tokens, a whole unit a token: above it somebody mistook the unit."""
_IMAGE_RATE_MAX = 1000
"""Per image."""


def check_currency(currency: str, *, paid_in: str, what: str) -> None:
    """Nothing is ever converted. Raises OtherCurrencyError, which says `what` it is."""
    if currency != paid_in:
        raise OtherCurrencyError(
            f"{what} would be in {currency}, and this tenant pays in {paid_in}."
        )


def divided_half_up(dividend: int, divisor: int) -> int:
    if dividend < 0:
        raise ValueError(f"rounding is defined from zero up, not for {dividend}")
    return (2 * dividend + divisor) // (2 * divisor)


def amount_nanos(quantity: int, rate_nanos_per_million: int) -> int:
    """What `quantity` tokens or images cost, half a nano rounded up.

    Raises ValueError when the product is below zero.
    """
    return divided_half_up(quantity * rate_nanos_per_million, UNITS_PER_RATE)


def cents(amount_nanos: int) -> int:
    """A line item's amount in cents, half a cent rounded up.

    Raises ValueError for an amount below zero.
    """
    return divided_half_up(amount_nanos, NANOS_PER_CENT)


def tax_cents(taxable_cents: int, rate_basis_points: int) -> int:
    """The tax on top of `taxable_cents`, half a cent rounded up.

    Raises ValueError for an amount below zero.
    """
    return divided_half_up(taxable_cents * rate_basis_points, BASIS_POINTS)


def included_tax_cents(total_cents: int, rate_basis_points: int) -> int:
    """The tax that `total_cents` holds, half a cent rounded up.

    Raises ValueError for an amount below zero.
    """
    return divided_half_up(
        total_cents * rate_basis_points, BASIS_POINTS + rate_basis_points
    )


def nanos(amount_cents: int) -> int:
    return amount_cents * NANOS_PER_CENT


def exact_amount(amount_nanos: int) -> str:
    """Units with as many decimals as it takes, at least two: `0.0000123`, `1.50`."""
    sign = "-" if amount_nanos < 0 else ""
    whole, rest = divmod(abs(amount_nanos), NANOS_PER_UNIT)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"


def exact_decimal(amount_nanos: int) -> Decimal:
    return Decimal(exact_amount(amount_nanos))


def decimal_of_document(amount_cents: int) -> Decimal:
    return Decimal(amount_of_cents(amount_cents))


def amount_of_cents(amount_cents: int) -> str:
    """Units with two decimals: `12.34`."""
    sign = "-" if amount_cents < 0 else ""
    whole, rest = divmod(abs(amount_cents), _CENTS_PER_UNIT)
    return f"{sign}{whole}.{rest:02d}"


def percent(basis_points: int) -> str:
    """`2.5` of 250."""
    whole, rest = divmod(basis_points, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".")


def parse_rate(text: str) -> int:
    """Nanos per million tokens, of a rate per million such as `0.10`.

    Raises InvalidRateError for anything but a plain number from 0 with at most nine
    decimals: a finer one could only be kept by rounding it.
    """
    return _parsed(text, _RATE_MAX)


def parse_image_rate(text: str) -> int:
    """Nanos per million images, of a price per image such as `0.04`.

    Raises InvalidRateError like `parse_rate`.
    """
    return _parsed(text, _IMAGE_RATE_MAX) * UNITS_PER_RATE


def parse_amount(text: str) -> int:
    """Nanos, of an amount above zero such as `25` or `0.50`.

    Raises InvalidAmountError.
    """
    try:
        amount = _parsed(text, _AMOUNT_MAX)
    except InvalidRateError as error:
        raise InvalidAmountError(str(error)) from None
    if not amount:
        raise InvalidAmountError(f"{text!r} is nothing")
    return amount


def _parsed(text: str, units_max: int) -> int:
    try:
        rate = Decimal(text.strip())
    except InvalidOperation:
        raise InvalidRateError(f"{text!r} is not a number") from None
    if not rate.is_finite() or rate.is_signed() or rate > units_max:
        raise InvalidRateError(f"{text!r} is not a number between 0 and {units_max}")
    exact = rate.scaleb(_RATE_DECIMALS)
    if exact != exact.to_integral_value():
        raise InvalidRateError(f"{text!r} has more than {_RATE_DECIMALS} decimals")
    return int(exact)
