"""In which currency the page that is being made writes its amounts."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.utils.functional import lazy

from tenants.domain.currency import SYMBOLS, USD

_active = ContextVar("currency", default=USD)


@contextmanager
def amounts_in(currency: str) -> Iterator[None]:
    """Amounts that are written within are of that currency."""
    token = _active.set(currency)
    try:
        yield
    finally:
        _active.reset(token)


def write_amounts_in(currency: str) -> None:
    """From here to the end of an operator's page, once it knows whose it is."""
    _active.set(currency)


def active_currency() -> str:
    """Its code."""
    return _active.get()


def active_symbol() -> str:
    return SYMBOLS[_active.get()]


def _with_currency(label: str) -> str:
    return f"{label}, {active_currency()}"


with_currency = lazy(_with_currency, str)
"""A field's label, such as `Amount, EUR`; read when the page is made."""
