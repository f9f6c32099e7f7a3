"""Lead the tenant to Stripe's page on which a payment is made."""

from datetime import datetime

from django.db import transaction

from billing.domain.payments import Told
from billing.models.payments import Payment, PaymentStatus
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.payments.apply_payment import apply_payment
from billing.services.payments.work_off_order import card_order_of
from billing.stripe_sync.charges import open_payment_page as ask_for_page
from billing.stripe_sync.charges import read_payment_page

_OPEN = (PaymentStatus.PENDING, PaymentStatus.REQUIRES_ACTION)


def open_payment_page(
    payment_id: int, *, done_url: str, back_url: str, now: datetime
) -> str:
    """The page's address; of a payment that has ended, `done_url`. The same page for
    the same payment as long as it is open. Raises what `asking_stripe` raises.
    """
    payment = Payment.objects.select_related("tenant", "invoice").get(pk=payment_id)
    if payment.status not in _OPEN:
        return done_url
    if payment.provider_id:
        return _present_page(payment, now) or done_url
    session_id, url = ask_for_page(
        card_order_of(payment),
        done_url=done_url,
        back_url=back_url,
        keeps_card=True,
    )
    _note(payment, session_id)
    return url


def _present_page(payment: Payment, now: datetime) -> str:
    told, url = read_payment_page(payment.provider_id)
    if told is not None and told.told is not Told.REQUIRES_ACTION:
        apply_payment(told, now=now)
    return url


@transaction.atomic
def _note(payment: Payment, session_id: str) -> None:
    """Unless a webhook was quicker."""
    lock_tenant(payment.tenant_id)
    Payment.objects.filter(pk=payment.pk, provider_id="", status__in=_OPEN).update(
        provider_id=session_id, status=PaymentStatus.REQUIRES_ACTION
    )
