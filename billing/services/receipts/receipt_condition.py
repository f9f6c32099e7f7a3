"""Spans of receipts as a condition of SQL."""

from collections.abc import Sequence
from typing import Any

from billing.domain.receipt_spans import ReceiptSpan


def receipt_condition(spans: Sequence[ReceiptSpan]) -> tuple[str, dict[str, Any]]:
    """On `receipt r`, and its values; of no spans one that never holds."""
    parts: list[str] = []
    values: dict[str, Any] = {}
    for place, span in enumerate(spans):
        parts.append(
            f"(r.happened_at >= %(from_{place})s AND r.happened_at < %(to_{place})s"
            f" AND r.sequence > %(after_{place})s AND r.sequence <= %(last_{place})s)"
        )
        values |= {
            f"from_{place}": span.starts_at,
            f"to_{place}": span.ends_at,
            f"after_{place}": span.after_sequence,
            f"last_{place}": span.last_sequence,
        }
    return f"({' OR '.join(parts) or 'false'})", values
