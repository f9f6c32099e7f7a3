"""Text that XML and PDF can carry: names are tenants' to choose, and some hold more."""

import re
from typing import Any, TypeVar

import msgspec

from billing.wire import CreditNoteDocument, InvoiceDocument

_NOT_CARRIED = re.compile(
    "[^\t\n\r\u0020-\u007e\u00a0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd"
    "\U00010000-\U0001fffd\U00020000-\U0010fffd]"
)


Kind = TypeVar("Kind", InvoiceDocument, CreditNoteDocument)


def legible(document: Kind) -> Kind:
    """The same, with a space where a control character was."""
    return msgspec.convert(_legible(msgspec.to_builtins(document)), type(document))


def _legible(value: Any) -> Any:
    if isinstance(value, str):
        return _NOT_CARRIED.sub(" ", value)
    if isinstance(value, list):
        return [_legible(one) for one in value]
    if isinstance(value, dict):
        return {name: _legible(one) for name, one in value.items()}
    return value
