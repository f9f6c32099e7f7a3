"""Whether anything is still due of an issued invoice."""

from datetime import datetime

from django.db.models import Sum

from billing.domain.invoice import InvoiceStatus
from billing.models.invoices import Invoice
from billing.models.payments import PaymentStatus
from billing.services.invoices.book_write_off import book_write_off
from billing.services.webhooks.emit_event import emit_event

_OPEN = (InvoiceStatus.ISSUED, InvoiceStatus.UNCOLLECTIBLE)


def due_cents(invoice: Invoice) -> int:
    """What is still to be paid of it; 0: a draft, or a voided one. Two queries."""
    if invoice.status in (InvoiceStatus.DRAFT, InvoiceStatus.VOID):
        return 0
    paid = invoice.payments.filter(status=PaymentStatus.SUCCEEDED)
    notes = invoice.credit_notes.filter(status="issued")
    return (
        invoice.total_cents
        - invoice.credit_applied_cents
        - int(paid.aggregate(total=Sum("amount_cents"))["total"] or 0)
        - int(notes.aggregate(total=Sum("applied_cents"))["total"] or 0)
    )


def settle_invoice(invoice: Invoice, *, now: datetime) -> None:
    """Marks it paid if nothing is due any more, which the tenant is told, and owed
    again if something is.

    The caller holds the tenant's lock, and has written what changed. What came of an
    invoice that was given up is owed no longer, and not given up either.
    """
    due = due_cents(invoice)
    if invoice.status == InvoiceStatus.UNCOLLECTIBLE:
        book_write_off(invoice, due_cents=due, now=now)
    if invoice.status in _OPEN and due <= 0:
        _close(invoice, now)
    elif invoice.status == InvoiceStatus.PAID and due > 0:
        invoice.status, invoice.settled_at = InvoiceStatus.ISSUED, None
        invoice.save(update_fields=["status", "settled_at"])


def _close(invoice: Invoice, now: datetime) -> None:
    invoice.status, invoice.settled_at = InvoiceStatus.PAID, now
    invoice.save(update_fields=["status", "settled_at"])
    emit_event(
        tenant_id=invoice.tenant_id,
        type="invoice.paid",
        data={
            "invoice": invoice.number,
            "total_cents": invoice.total_cents,
            "currency": invoice.currency,
        },
        now=now,
    )
