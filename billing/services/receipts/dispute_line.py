"""A tenant objects to a line of an issued invoice."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from billing.domain.derived_line import DerivedLine
from billing.models.disputes import DisputeStatus, LineDispute
from billing.models.invoices import LineItem
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.receipts.rederive_line import rederive_line
from tenants.models import User


@dataclass(frozen=True, kw_only=True)
class DisputedLine:
    derived: DerivedLine
    dispute: LineDispute | None
    """None: it is the same, and nobody said more."""


@transaction.atomic
def dispute_line(line: LineItem, *, by: User, note: str, now: datetime) -> DisputedLine:
    """Derives the line once more. Where that differs, or `note` says something, a
    dispute is open from then on; one that is open already stays as it is.

    Raises NotDisputableError.
    """
    lock_tenant(line.tenant_id)
    derived = rederive_line(line)
    found = line.disputes.filter(status=DisputeStatus.OPEN).first()
    if found is None and (note or not derived.is_same):
        found = LineDispute.objects.create(
            tenant_id=line.tenant_id,
            line=line,
            note=note,
            derived_quantity=derived.quantity,
            derived_amount_nanos=derived.amount_nanos,
            opened_by=by,
            opened_at=now,
        )
    return DisputedLine(derived=derived, dispute=found)
