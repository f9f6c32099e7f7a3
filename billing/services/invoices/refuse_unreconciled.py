"""The gate before documents: what they bill is what the engines counted."""

from datetime import datetime

from billing.errors import UnreconciledError
from metering.services.find_unreconciled import find_unreconciled


def refuse_unreconciled(
    tenant_id: int, start: datetime, end: datetime, *, now: datetime
) -> None:
    """Raises UnreconciledError if a day of the span is not, and nobody accepted it."""
    reasons = find_unreconciled(tenant_id=tenant_id, start=start, end=end, now=now)
    if reasons:
        raise UnreconciledError(" ".join(reasons))
