"""A payment has not ended well, or waits for the tenant."""

from datetime import datetime

from django.db import transaction

from billing.domain.payments import Told, failure_words, may_follow
from billing.models.payments import Payment
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.payments.book_payment import describe_payment
from billing.services.webhooks.emit_event import emit_event


@transaction.atomic
def fail_payment(
    payment_id: int,
    *,
    told: Told,
    failure_code: str,
    now: datetime,
    provider_id: str = "",
) -> Payment:
    """The payment with the status `told` (any but succeeded), if that is news to it;
    else as it is, since an outcome never gives way to what was before it.
    """
    tenant_id = Payment.objects.values_list("tenant_id", flat=True).get(pk=payment_id)
    lock_tenant(tenant_id)
    payment = Payment.objects.select_related("tenant", "invoice").get(pk=payment_id)
    if not may_follow(payment.status, told):
        return _noted(payment, provider_id)
    has_ended = told in {Told.FAILED, Told.CANCELED}
    payment.status = told.value
    payment.settled_at = now if has_ended else None
    payment.failure_code = failure_code
    payment.failure_text = failure_words(failure_code)
    # While a page is open, it is the page that is looked at.
    if has_ended or not payment.provider_id:
        payment.provider_id = provider_id or payment.provider_id
    payment.save()
    if told is Told.FAILED:
        emit_event(
            tenant_id=tenant_id,
            type="payment.failed",
            data=describe_payment(payment),
            now=now,
        )
    return payment


def _noted(payment: Payment, provider_id: str) -> Payment:
    """Under which name Stripe knows what it is still at work on."""
    if provider_id and not payment.provider_id:
        payment.provider_id = provider_id
        payment.save(update_fields=["provider_id"])
    return payment
