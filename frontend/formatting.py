"""How numbers are written on pages. Money goes in as integers and never as floats, and
is written in the currency of the page (`frontend/currency.py`), in the language that is
spoken now.
"""

from datetime import datetime, timedelta

from django.utils.dateformat import format as format_date
from django.utils.formats import get_format
from django.utils.translation import gettext, pgettext

from frontend.currency import active_symbol

NANOS_PER_UNIT = 1_000_000_000
_NANOS_DIGITS = 9
_SHORT_DIGITS = 6


def exact_amount(amount_nanos: int) -> str:
    """Every digit, at least two after the point: 1_234_500_000 is `$1.2345`."""
    units, fraction = divmod(abs(amount_nanos), NANOS_PER_UNIT)
    digits = f"{fraction:0{_NANOS_DIGITS}}".rstrip("0").ljust(2, "0")
    return _amount(units, digits, is_negative=amount_nanos < 0)


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
    units, cents = divmod(abs(amount_cents), 100)
    return _amount(units, f"{cents:02}", is_negative=amount_cents < 0)


def _amount(units: int, digits: str, *, is_negative: bool) -> str:
    # Translators: how an amount is written, such as -$1,234.50 or -1.234,50 $
    form = pgettext("amount", "{sign}{symbol}{number}")
    number = f"{whole(units)}{_mark('DECIMAL_SEPARATOR')}{digits}"
    sign = "-" if is_negative else ""
    return form.format(sign=sign, symbol=active_symbol(), number=number)


def whole(number: int, sign: str = "") -> str:
    """`12,345`, in German `12.345`; `sign="+"` writes that of a positive one too."""
    return f"{number:{sign},}".replace(",", _mark("THOUSAND_SEPARATOR"))


def _mark(kind: str) -> str:
    return str(get_format(kind, use_l10n=True))


def day(moment: datetime) -> str:
    """`21 Nov 2026`"""
    # Translators: a form of dates (docs.djangoproject.com, filter `date`)
    return format_date(moment, pgettext("date", "j M Y"))


def day_of_year(moment: datetime) -> str:
    """`21 Nov`"""
    return format_date(moment, pgettext("date", "j M"))


def long_day(moment: datetime) -> str:
    """`21 November 2026`"""
    return format_date(moment, pgettext("date", "j F Y"))


def month(moment: datetime) -> str:
    """`November 2026`"""
    return format_date(moment, "F Y")


def with_tenths(tenths: int) -> str:
    """125 is `12.5`."""
    return f"{whole(tenths // 10)}{_mark('DECIMAL_SEPARATOR')}{tenths % 10}"


def rate(rate_nanos_per_million: int) -> str:
    """A rate as price lists write it: per million tokens."""
    return exact_amount(rate_nanos_per_million)


def short_count(count: int) -> str:
    """For headlines: 12_345 is `12.3 k`. Exact below ten thousand."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= 10 * size or (count >= size > 10**3):
            tenths = _rounded(count, size // 10)
            text = with_tenths(tenths) if tenths % 10 else whole(tenths // 10)
            return f"{text} {unit}"
    return whole(count)


def seconds_and_tenths(duration: timedelta) -> str:
    """`3.2 s`"""
    return f"{with_tenths(duration // timedelta(milliseconds=100))} s"


def short_bytes(size: int) -> str:
    """`1.2 GB`, of 10^9 bytes: memory is sold by the million bytes."""
    number, _, unit = short_count(size).partition(" ")
    return f"{number} {unit}B"


def time_left(left: timedelta) -> str:
    """`42 s`, `4 m 05 s`, `3 h 12 m`, `2 d 4 h`; rounded up, so that 0 is the end."""
    seconds = -(-left // timedelta(seconds=1))
    if seconds <= 0:
        return gettext("ended")
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
