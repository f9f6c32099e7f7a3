"""Money has come: what it pays becomes paid, and what is too much becomes credit."""

from datetime import datetime

from billing.domain.money import nanos
from billing.domain.postings import TransactionKind, payment_received
from billing.models.invoices import Invoice
from billing.models.payments import Payment
from billing.services.credit.grant_credit import grant_credit
from billing.services.dunning.lift_restriction import lift_restriction
from billing.services.invoices.settle_invoice import due_cents, settle_invoice
from billing.services.ledger.post_transaction import post_transaction
from billing.services.webhooks.emit_event import emit_event


def book_payment(payment: Payment, *, due_before_cents: int, now: datetime) -> None:
    """The caller holds the tenant's lock and has just written that it succeeded;
    `due_before_cents` was due of its invoice before (0: it has none).
    """
    applied = max(0, min(payment.amount_cents, due_before_cents))
    post_transaction(
        payment_received(nanos(applied)),
        tenant_id=payment.tenant_id,
        kind=TransactionKind.PAYMENT_RECEIVED,
        reference=f"payment:{payment.pk}",
        booked_at=now,
    )
    if surplus := payment.amount_cents - applied:
        _grant(payment, surplus, now)
    if payment.invoice is not None:
        settle(payment.invoice, now)
    lift_restriction(payment.tenant_id, now=now)
    emit_event(
        tenant_id=payment.tenant_id,
        type="payment.succeeded",
        data=describe_payment(payment),
        now=now,
    )


def due_before(payment: Payment) -> int:
    """What is due of its invoice now; 0: it has none."""
    if payment.invoice_id is None:
        return 0
    return max(0, due_cents(Invoice.objects.get(pk=payment.invoice_id)))


def _grant(payment: Payment, surplus_cents: int, now: datetime) -> None:
    reason = "Credit bought"
    if payment.invoice is not None:
        reason = f"Paid beyond invoice {payment.invoice.number}"
    grant_credit(
        tenant=payment.tenant,
        amount_nanos=nanos(surplus_cents),
        reason=reason,
        idempotency_key=credit_key(payment),
        now=now,
    )


def credit_key(payment: Payment) -> str:
    """Of the credit grant that the payment bought."""
    return f"payment-{payment.pk}"


def settle(invoice: Invoice, now: datetime) -> None:
    """`settle_invoice`, as the invoice is now."""
    invoice.refresh_from_db()
    settle_invoice(invoice, now=now)


def describe_payment(payment: Payment) -> dict[str, object]:
    """As events tell it."""
    return {
        "payment_id": payment.pk,
        "invoice": payment.invoice.number if payment.invoice else None,
        "kind": payment.kind,
        "amount_cents": payment.amount_cents,
        "currency": payment.currency,
        "status": payment.status,
        "failure_code": payment.failure_code,
        "failure_text": payment.failure_text,
    }
