"""Give up a payment that waits for the tenant, so that another way may be taken."""

from datetime import datetime

from billing.domain.payments import ProviderPayment, Told
from billing.models.payments import Payment, PaymentStatus
from billing.services.payments.apply_payment import apply_payment
from billing.stripe_sync import charges


def close_payment_page(payment_id: int, *, now: datetime) -> Payment:
    """The payment, canceled; succeeded if the tenant was quicker. One that is not
    waiting for the tenant stays as it is. Raises what `asking_stripe` raises.
    """
    payment = Payment.objects.get(pk=payment_id)
    if payment.status != PaymentStatus.REQUIRES_ACTION:
        return payment
    told: ProviderPayment | None
    if payment.provider_id.startswith("cs_"):
        told = charges.close_payment_page(payment.provider_id)
    else:
        told = charges.read_payment(payment.provider_id)
    if told is not None and told.told is not Told.REQUIRES_ACTION:
        apply_payment(told, now=now)
    payment.refresh_from_db()
    return payment
