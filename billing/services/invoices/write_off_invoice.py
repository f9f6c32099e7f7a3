"""Give up what is due of an invoice."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from billing.domain.invoice import InvoiceStatus
from billing.errors import NotWrittenOffError
from billing.models.invoice_ends import InvoiceEnd
from billing.models.invoices import Invoice
from billing.services.invoices.lock_invoice import lock_invoice
from billing.services.invoices.settle_invoice import due_cents, settle_invoice
from billing.services.webhooks.emit_event import emit_event
from tenants.services.note_act import note_act


@transaction.atomic
def write_off_invoice(invoice_id: int, *, reason: str, now: datetime) -> Invoice:
    """The uncollectible invoice; one that was given up before is returned as it is.

    It stays owed: a late payment makes it paid, and is booked as if it had never been
    given up (`settle_invoice`). Raises InvoiceNotFoundError, and NotWrittenOffError for
    a draft, a paid or a void one.
    """
    invoice = lock_invoice(invoice_id)
    if invoice.status == InvoiceStatus.UNCOLLECTIBLE:
        return invoice
    if invoice.status != InvoiceStatus.ISSUED:
        raise NotWrittenOffError(
            gettext("Nothing is owed of a %(status)s invoice.")
            % {"status": invoice.status}
        )
    InvoiceEnd.objects.create(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        status=InvoiceStatus.UNCOLLECTIBLE,
        reason=reason,
        ended_at=now,
    )
    invoice.status, invoice.settled_at = InvoiceStatus.UNCOLLECTIBLE, now
    invoice.save(update_fields=["status", "settled_at"])
    words = f"{invoice.number}: {reason}"
    note_act(
        "invoice.written_off", tenant_id=invoice.tenant_id, about=invoice, words=words
    )
    emit_event(
        tenant_id=invoice.tenant_id,
        type="invoice.uncollectible",
        data={
            "invoice": invoice.number,
            "due_cents": due_cents(invoice),
            "currency": invoice.currency,
        },
        now=now,
    )
    settle_invoice(invoice, now=now)
    return invoice
