"""What the signature under an invoice's document is about."""

import hashlib
from collections.abc import Mapping
from typing import Any

from metering.domain.receipts import canonical

CHANGING = frozenset(
    {
        *("status", "paid_cents", "payments", "credited_cents", "credit_notes"),
        *("due_cents", "due"),
    }
)
"""Fields that go on changing after the issue; they are not signed."""


def invoice_digest(document: Mapping[str, Any]) -> bytes:
    """SHA-256 of the document as JSON with sorted keys and no spaces, without CHANGING
    and without the signature itself. `document` is as JSON has it.
    """
    signed = {name: value for name, value in document.items() if name not in CHANGING}
    receipts = dict(signed.get("receipts") or {})
    receipts.pop("signature", None)
    return hashlib.sha256(canonical({**signed, "receipts": receipts})).digest()
