"""Void an invoice that was issued by mistake."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from billing.domain.invoice import InvoiceStatus, Tax, Totals
from billing.domain.postings import TransactionKind, invoice_voided
from billing.errors import NotVoidableError
from billing.models.invoice_ends import InvoiceEnd
from billing.models.invoices import Invoice
from billing.models.payments import PaymentStatus
from billing.models.rating import BillingPeriod
from billing.services.credit.return_credit import return_credit
from billing.services.dunning.lift_restriction import lift_restriction
from billing.services.invoices.lock_invoice import lock_invoice
from billing.services.ledger.post_transaction import post_transaction
from billing.services.rating.rate_period import rate_period
from billing.services.webhooks.emit_event import emit_event
from tenants.services.note_act import note_act

_MAY_BECOME_MONEY = (
    PaymentStatus.PENDING,
    PaymentStatus.REQUIRES_ACTION,
    PaymentStatus.SUCCEEDED,
)


@transaction.atomic
def void_invoice(invoice_id: int, *, reason: str, now: datetime) -> Invoice:
    """The void invoice; one that was voided before is returned as it is.

    It keeps its number; what it billed is on the month's draft again, and the credit
    that it drew returns. Raises InvoiceNotFoundError, NotVoidableError when it is no
    issued invoice, or money or a credit note followed from it, and what `rate_period`
    raises.
    """
    invoice = lock_invoice(invoice_id)
    if invoice.status == InvoiceStatus.VOID:
        return invoice
    refuse_voiding(invoice)
    InvoiceEnd.objects.create(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        status=InvoiceStatus.VOID,
        reason=reason,
        ended_at=now,
    )
    words = f"{invoice.number}: {reason}"
    note_act("invoice.voided", tenant_id=invoice.tenant_id, about=invoice, words=words)
    _close(invoice, now)
    return_credit(invoice, now=now)
    post_transaction(
        invoice_voided(
            Totals(cents=invoice.lines_cents, nanos=invoice.total_nanos),
            Tax(cents=invoice.tax_cents, is_inclusive=invoice.is_tax_inclusive),
        ),
        tenant_id=invoice.tenant_id,
        kind=TransactionKind.INVOICE_VOIDED,
        reference=f"void:{invoice.number}",
        booked_at=now,
    )
    emit_event(
        tenant_id=invoice.tenant_id,
        type="invoice.voided",
        data={"invoice": invoice.number, "reason": reason},
        now=now,
    )
    period = BillingPeriod.objects.get(
        tenant_id=invoice.tenant_id, starts_at=invoice.period_start
    )
    rate_period(period.pk, now=now)
    lift_restriction(invoice.tenant_id, now=now)
    return invoice


def refuse_voiding(invoice: Invoice) -> None:
    """Raises NotVoidableError."""
    if invoice.status not in (InvoiceStatus.ISSUED, InvoiceStatus.PAID):
        raise NotVoidableError(
            gettext("A %(status)s invoice cannot be voided.")
            % {"status": invoice.status}
        )
    if invoice.payments.filter(status__in=_MAY_BECOME_MONEY).exists():
        raise NotVoidableError(
            gettext("Money was paid for it, or is on its way: credit it instead.")
        )
    if invoice.credit_notes.filter(status="issued").exists():
        raise NotVoidableError(
            gettext("A credit note lowered it: credit the rest instead.")
        )


def _close(invoice: Invoice, now: datetime) -> None:
    if invoice.status == InvoiceStatus.PAID:
        # By credit alone, which returns: it is owed for as long as this takes.
        invoice.status, invoice.settled_at = InvoiceStatus.ISSUED, None
        invoice.save(update_fields=["status", "settled_at"])
    invoice.status, invoice.settled_at = InvoiceStatus.VOID, now
    invoice.save(update_fields=["status", "settled_at"])
