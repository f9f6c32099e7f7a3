"""Money: integers of nanos (10⁻⁹ USD), and the places where it is rounded.

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

NANOS_PER_USD = 1_000_000_000
NANOS_PER_CENT = 10_000_000
_CENTS_PER_USD = 100
BASIS_POINTS = 10_000
"""In a whole: a rate of 1900 is 19 %."""
UNITS_PER_RATE = 1_000_000
"""Tokens, or images: a rate is for a million of them."""
_RATE_DECIMALS = 9
_AMOUNT_USD_MAX = 9_000_000
"""Valkey's Lua counts nanos in doubles; above this they skip integers."""
_RATE_USD_MAX = 1_000_000
"""Per million tokens, a dollar a token: above it somebody mistook the unit."""
_IMAGE_RATE_USD_MAX = 1000
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
    """What `quantity` tokens or images cost, half a nanos rounded up.

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


def exact_usd(amount_nanos: int) -> str:
    """USD with as many decimals as it takes, at least two: `0.0000123`, `1.50`."""
    sign = "-" if amount_nanos < 0 else ""
    whole, rest = divmod(abs(amount_nanos), NANOS_PER_USD)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}"


def usd_of_cents(amount_cents: int) -> str:
    """USD with two decimals: `12.34`."""
    sign = "-" if amount_cents < 0 else ""
    whole, rest = divmod(abs(amount_cents), _CENTS_PER_USD)
    return f"{sign}{whole}.{rest:02d}"


def percent(basis_points: int) -> str:
    """`2.5` of 250."""
    whole, rest = divmod(basis_points, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".")


def parse_rate_usd(text: str) -> int:
    """Nanos per million tokens, of a rate in USD per million such as `0.10`.

    Raises InvalidRateError for anything but a plain number from 0 with at most nine
    decimals: a finer one could only be kept by rounding it.
    """
    return _parse_usd(text, _RATE_USD_MAX)


def parse_image_rate_usd(text: str) -> int:
    """Nanos per million images, of a price in USD per image such as `0.04`.

    Raises InvalidRateError like `parse_rate_usd`.
    """
    return _parse_usd(text, _IMAGE_RATE_USD_MAX) * UNITS_PER_RATE


def parse_amount_usd(text: str) -> int:
    """Nanos, of an amount above zero in USD such as `25` or `0.50`.

    Raises InvalidAmountError.
    """
    try:
        amount = _parse_usd(text, _AMOUNT_USD_MAX)
    except InvalidRateError as error:
        raise InvalidAmountError(str(error)) from None
    if not amount:
        raise InvalidAmountError(f"{text!r} is nothing")
    return amount


def _parse_usd(text: str, usd_max: int) -> int:
    try:
        rate = Decimal(text.strip())
    except InvalidOperation:
        raise InvalidRateError(f"{text!r} is not a number of USD") from None
    if not rate.is_finite() or rate.is_signed() or rate > usd_max:
        raise InvalidRateError(f"{text!r} is not a number between 0 and {usd_max} USD")
    exact = rate.scaleb(_RATE_DECIMALS)
    if exact != exact.to_integral_value():
        raise InvalidRateError(f"{text!r} has more than {_RATE_DECIMALS} decimals")
    return int(exact)
