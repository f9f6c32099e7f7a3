"""Take over how a payment stands by Stripe's word."""

from datetime import datetime

from django.db import transaction

from billing.domain.payments import ProviderPayment, Told
from billing.models.invoices import Invoice
from billing.models.payments import Payment, PaymentKind, PaymentStatus
from billing.models.provider import StripeInvoice
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.payments.fail_payment import fail_payment
from billing.services.payments.record_payment import record_payment


def apply_payment(told: ProviderPayment, *, now: datetime) -> bool:
    """False: it is no payment of ours. Safe in any order, any number of times."""
    payment = find_payment_row(told)
    if payment is None:
        return False
    if told.told is Told.SUCCEEDED:
        record_payment(payment.pk, now=now, provider_id=told.provider_id)
    else:
        fail_payment(
            payment.pk,
            told=told.told,
            failure_code=told.failure_code,
            now=now,
            provider_id=told.provider_id,
        )
    return True


def find_payment_row(told: ProviderPayment) -> Payment | None:
    """By our own number; the amount must be ours too, else it is another database's."""
    if told.payment_id is not None:
        rows = Payment.objects.filter(
            pk=told.payment_id, amount_cents=told.amount_cents, kind=PaymentKind.CARD
        )
        return rows.first()
    return Payment.objects.filter(provider_id=told.provider_id).first()


@transaction.atomic
def adopt_payment(
    told: ProviderPayment, *, stripe_invoice_id: str, now: datetime
) -> bool:
    """What was paid at Stripe itself, on the page of a copied invoice, counts as well.
    False: the copy is not ours.
    """
    copy = (
        StripeInvoice.objects.select_related("invoice")
        .filter(stripe_id=stripe_invoice_id)
        .first()
    )
    if copy is None:
        return False
    if told.told is not Told.SUCCEEDED or find_payment_row(told) is not None:
        return apply_payment(told, now=now)
    lock_tenant(copy.tenant_id)
    payment = _adopted(told, copy.invoice, now)
    record_payment(payment.pk, now=now, provider_id=told.provider_id)
    return True


def _adopted(told: ProviderPayment, invoice: Invoice, now: datetime) -> Payment:
    payment, _ = Payment.objects.get_or_create(
        tenant_id=invoice.tenant_id,
        idempotency_key=f"provider-{told.provider_id}",
        defaults={
            "invoice": invoice,
            "currency": invoice.currency,
            "kind": PaymentKind.CARD,
            "amount_cents": told.amount_cents,
            "status": PaymentStatus.PENDING,
            "created_at": now,
        },
    )
    return payment
