"""Amounts of money as people type them."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.formats import get_format
from django.utils.translation import gettext

from tenants.domain.limits import AMOUNT_MAX
from tenants.domain.typed_amounts import AmbiguousAmountError, plain_amount

_NANOS_DIGITS = 9


def typed_plainly(value: Any) -> Any:
    """What was typed with the point or the comma of any language, with a point. Raises
    ValidationError where it may mean two amounts in the language of the page.
    """
    if not isinstance(value, str):
        return value
    try:
        return plain_amount(value, decimal_sign=_decimal_sign())
    except AmbiguousAmountError:
        digits = value.strip().replace(",", ".").split(".")
        message = gettext("%(typed)s may mean %(one)s or %(other)s: write one of them.")
        raise forms.ValidationError(
            message
            % {
                "typed": value.strip(),
                "one": "".join(digits),
                "other": _decimal_sign().join(digits),
            }
        ) from None


def written(units: str) -> str:
    """`12.50` as the page's language writes it, and as `typed_plainly` reads it."""
    return units.replace(".", _decimal_sign())


def _decimal_sign() -> str:
    return str(get_format("DECIMAL_SEPARATOR", use_l10n=True))


class AmountInput(forms.TextInput):
    """No `type=number`: that one takes the comma of some browsers only."""

    def __init__(self) -> None:
        super().__init__({"inputmode": "decimal", "autocomplete": "off"})


class MoneyField(forms.DecimalField):
    """Units on the page, whole nanos in the program; nothing is rounded."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", AmountInput)
        options.setdefault("min_value", Decimal(1).scaleb(-_NANOS_DIGITS))
        options.setdefault("max_value", Decimal(AMOUNT_MAX // 10**_NANOS_DIGITS))
        super().__init__(decimal_places=_NANOS_DIGITS, **options)

    def to_python(self, value: Any) -> Any:
        return super().to_python(typed_plainly(value))

    def clean(self, value: Any) -> Any:
        units = super().clean(value)
        return None if units is None else int(units.scaleb(_NANOS_DIGITS))

    def prepare_value(self, value: Any) -> Any:
        """What was typed goes back as it is; what was stored becomes units."""
        if isinstance(value, int):
            whole, rest = divmod(value, 10**_NANOS_DIGITS)
            decimals = f"{rest:0{_NANOS_DIGITS}}".rstrip("0").ljust(2, "0")
            return written(f"{whole}.{decimals}")
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)
