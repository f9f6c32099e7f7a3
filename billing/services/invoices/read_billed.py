"""What the issued invoices of a tenant's month bill already."""

from collections import defaultdict
from datetime import datetime

from django.db.models import Sum

from billing.domain.invoice import Billed, InvoiceStatus
from billing.models.credit_notes import CreditNoteKind, CreditNoteLine
from billing.models.invoices import LineItem

BILLING = (
    InvoiceStatus.ISSUED.value,
    InvoiceStatus.PAID.value,
    InvoiceStatus.UNCOLLECTIBLE.value,
)
"""A voided invoice bills nothing: its usage is billed anew."""


def read_billed(tenant_id: int, period_start: datetime) -> dict[str, Billed]:
    """By key of a charge, less what credit notes of kind `adjustment` took back.
    What was let go for goodwill stays billed, else it were billed anew.
    """
    of_month = {"tenant_id": tenant_id, "invoice__period_start": period_start}
    lines = LineItem.objects.filter(invoice__status__in=BILLING, **of_month)
    taken = CreditNoteLine.objects.filter(
        tenant_id=tenant_id,
        credit_note__invoice__period_start=period_start,
        credit_note__invoice__status__in=BILLING,
        credit_note__status="issued",
        credit_note__kind=CreditNoteKind.ADJUSTMENT,
    )
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for rows, key_name, sign in ((lines, "key", 1), (taken, "line__key", -1)):
        summed = rows.values_list(key_name).annotate(
            quantity_sum=Sum("quantity"), amount_sum=Sum("amount_nanos")
        )
        for key, quantity, amount in summed:
            sums[key][0] += sign * quantity
            sums[key][1] += sign * amount
    return {
        key: Billed(quantity=quantity, amount_nanos=amount)
        for key, (quantity, amount) in sums.items()
    }
