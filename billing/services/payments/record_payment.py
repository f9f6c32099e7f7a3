"""A payment has ended well: book the money, once."""

from datetime import datetime

from django.db import transaction

from billing.models.payments import Payment, PaymentStatus
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.payments.book_payment import book_payment, due_before

_ENDED_WELL = (PaymentStatus.SUCCEEDED, PaymentStatus.REVERSED)


@transaction.atomic
def record_payment(payment_id: int, *, now: datetime, provider_id: str = "") -> Payment:
    """The payment, booked once however often it is told. What is more than is due
    becomes credit; a failed one may still succeed, and then counts.
    """
    tenant_id = Payment.objects.values_list("tenant_id", flat=True).get(pk=payment_id)
    lock_tenant(tenant_id)
    payment = Payment.objects.select_related("tenant", "invoice").get(pk=payment_id)
    if payment.status in _ENDED_WELL:
        return payment
    due = due_before(payment)
    payment.status, payment.settled_at = PaymentStatus.SUCCEEDED, now
    payment.failure_code = payment.failure_text = ""
    payment.provider_id = provider_id or payment.provider_id
    payment.save()
    book_payment(payment, due_before_cents=due, now=now)
    return payment
