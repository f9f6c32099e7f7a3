"""Make a draft of a credit note show the given lines."""

from collections.abc import Sequence
from datetime import datetime

from billing.domain.credit_notes import Taken
from billing.models.credit_notes import CreditNote, CreditNoteLine


def write_credit_lines(
    note: CreditNote, parts: Sequence[Taken], *, now: datetime
) -> None:
    """Replaces its lines and totals, without tax; writes nothing if they are the same.

    The caller holds the tenant's lock.
    """
    shown = {(x.line_id, x.quantity, x.amount_nanos) for x in note.lines.all()}
    if shown == {(x.line_id, x.quantity, x.amount_nanos) for x in parts}:
        return
    note.lines.all().delete()
    CreditNoteLine.objects.bulk_create(
        CreditNoteLine(
            tenant_id=note.tenant_id,
            credit_note=note,
            line_id=part.line_id,
            quantity=part.quantity,
            amount_nanos=part.amount_nanos,
            amount_cents=part.amount_cents,
        )
        for part in parts
    )
    note.lines_cents = note.total_cents = sum(part.amount_cents for part in parts)
    note.total_nanos = sum(part.amount_nanos for part in parts)
    note.refreshed_at = now
    note.save()
