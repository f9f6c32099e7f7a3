"""How numbers are written on pages. Money goes in as integers and never as floats, and
is written in the currency of the page (`frontend/currency.py`).
"""

from datetime import timedelta

from frontend.currency import active_symbol

NANOS_PER_UNIT = 1_000_000_000
_NANOS_DIGITS = 9
_SHORT_DIGITS = 6


def exact_amount(amount_nanos: int) -> str:
    """Every digit, at least two after the point: 1_234_500_000 is `$1.2345`."""
    sign = "-" if amount_nanos < 0 else ""
    whole, fraction = divmod(abs(amount_nanos), NANOS_PER_UNIT)
    digits = f"{fraction:0{_NANOS_DIGITS}}".rstrip("0").ljust(2, "0")
    return f"{sign}{active_symbol()}{whole:,}.{digits}"


def short_amount(amount_nanos: int) -> str:
    """From one unit on to the cent, below to its millionth (half up).

    What is below a millionth is written exactly, so that nothing reads as free.
    """
    size = abs(amount_nanos)
    if size >= NANOS_PER_UNIT:
        return amount_of_cents(_rounded(amount_nanos, NANOS_PER_UNIT // 100))
    step = 10 ** (_NANOS_DIGITS - _SHORT_DIGITS)
    if size < step:
        return exact_amount(amount_nanos)
    return exact_amount(_rounded(amount_nanos, step) * step)


def amount_of_cents(amount_cents: int) -> str:
    sign = "-" if amount_cents < 0 else ""
    whole, cents = divmod(abs(amount_cents), 100)
    return f"{sign}{active_symbol()}{whole:,}.{cents:02}"


def rate(rate_nanos_per_million: int) -> str:
    """A rate as price lists write it: per million tokens."""
    return exact_amount(rate_nanos_per_million)


def short_count(count: int) -> str:
    """For headlines: 12_345 is `12.3 k`. Exact below ten thousand."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= 10 * size or (count >= size > 10**3):
            tenths = _rounded(count, size // 10)
            return f"{tenths // 10:,}.{tenths % 10}".removesuffix(".0") + f" {unit}"
    return f"{count:,}"


def short_bytes(size: int) -> str:
    """`1.2 GB`, of 10^9 bytes: memory is sold by the million bytes."""
    number, _, unit = short_count(size).partition(" ")
    return f"{number} {unit}B"


def time_left(left: timedelta) -> str:
    """`42 s`, `4 m 05 s`, `3 h 12 m`, `2 d 4 h`; rounded up, so that 0 is the end."""
    seconds = -(-left // timedelta(seconds=1))
    if seconds <= 0:
        return "ended"
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60:02} m"
    return f"{minutes} m {seconds % 60:02} s" if minutes else f"{seconds} s"


def _rounded(number: int, step: int) -> int:
    """Half up, away from zero."""
    steps = (2 * abs(number) + step) // (2 * step)
    return -steps if number < 0 else steps
