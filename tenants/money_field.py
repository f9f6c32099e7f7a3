"""Amounts of money as people type them."""

from decimal import Decimal
from typing import Any

from django import forms

from tenants.domain.limits import AMOUNT_MAX

_NANOS_DIGITS = 9


class MoneyField(forms.DecimalField):
    """Units on the page, whole nanos in the program; nothing is rounded."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("min_value", Decimal(1).scaleb(-_NANOS_DIGITS))
        options.setdefault("max_value", Decimal(AMOUNT_MAX // 10**_NANOS_DIGITS))
        super().__init__(decimal_places=_NANOS_DIGITS, **options)

    def clean(self, value: Any) -> Any:
        units = super().clean(value)
        return None if units is None else int(units.scaleb(_NANOS_DIGITS))

    def prepare_value(self, value: Any) -> Any:
        """What was typed goes back as it is; what was stored becomes units."""
        if isinstance(value, int):
            whole, rest = divmod(value, 10**_NANOS_DIGITS)
            decimals = f"{rest:0{_NANOS_DIGITS}}".rstrip("0").ljust(2, "0")
            return f"{whole}.{decimals}"
        return value

    def has_changed(self, initial: Any, data: Any) -> bool:
        return super().has_changed(self.prepare_value(initial), data)
