"""What of the money that paid an invoice can go back to where it came from."""

from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce

from billing.models.invoices import Invoice
from billing.models.payments import Payment, PaymentStatus, RefundStatus
from billing.services.invoices.settle_invoice import due_cents


def read_refundable(invoice: Invoice) -> list[tuple[Payment, int]]:
    """(payment, cents), the latest first; none has nothing left.

    No more than the payments lowered what was due: what came beyond that became credit
    when it came.
    """
    left = _paid_with_money(invoice)
    not_failed = ~Q(refunds__status=RefundStatus.FAILED)
    payments = (
        invoice.payments.filter(status=PaymentStatus.SUCCEEDED)
        .annotate(back=Coalesce(Sum("refunds__amount_cents", filter=not_failed), 0))
        .filter(amount_cents__gt=F("back"))
        .order_by("-settled_at", "-pk")
    )
    found: list[tuple[Payment, int]] = []
    for payment in payments:
        cents = min(left, payment.amount_cents - payment.back)
        left -= cents
        if cents > 0:
            found.append((payment, cents))
    return found


def _paid_with_money(invoice: Invoice) -> int:
    """Cents of what the invoice asked that payments settled, and no credit note has
    given back.
    """
    notes = invoice.credit_notes.filter(status="issued").aggregate(
        applied=Sum("applied_cents", default=0),
        refunded=Sum("refunded_cents", default=0),
    )
    asked = invoice.total_cents - invoice.credit_applied_cents - notes["applied"]
    return int(asked - max(0, due_cents(invoice)) - notes["refunded"])
