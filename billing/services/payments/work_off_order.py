"""Ask Stripe for a payment or refund, and take over how it ended.

Nothing here holds a lock of the database while Stripe is asked. Each try is claimed and
counted before, so a process that dies in between is followed by a try that looks first
what was done.
"""

import logging
from datetime import datetime, timedelta

from django.db.models import F

from billing.domain.payments import (
    ProviderPayment,
    ProviderRefund,
    RefundTold,
    Told,
    retry_after_seconds,
)
from billing.errors import (
    CardPaymentsOffError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from billing.models.invoices import Invoice
from billing.models.payments import Payment, Refund
from billing.models.provider import StripeInvoice, StripeOrder
from billing.services.invoices.copied_lines import copied_lines
from billing.services.payments.apply_payment import apply_payment
from billing.services.payments.apply_refund import apply_refund
from billing.services.payments.fail_payment import fail_payment
from billing.stripe_sync.charges import (
    CardOrder,
    charge_card,
    find_payment,
    read_payment,
    send_refund,
)
from billing.stripe_sync.customers import customer_of
from billing.stripe_sync.invoices import attach_payment, push_invoice

ORDERS_AT_ONCE = 50
CLAIMED_FOR = timedelta(minutes=1)
"""Longer than the tries of one order take; a dead process's order waits so long."""
LOOKED_AT_EVERY = timedelta(minutes=10)
"""How often an open payment is looked at, should its webhook never come."""
_OPEN = (Told.PENDING, Told.REQUIRES_ACTION)
_logger = logging.getLogger(__name__)


def work_off_orders(*, now: datetime) -> int:
    """How many of the orders that are due came to their end."""
    due = StripeOrder.objects.open().filter(try_after__lte=now).order_by("try_after")
    ids = list(due.values_list("pk", flat=True)[:ORDERS_AT_ONCE])
    return sum(work_off_order(order_id, now=now) for order_id in ids)


def work_off_order(order_id: int, *, now: datetime) -> bool:
    """True if it came to its end. False too if another process has it."""
    if not _is_claimed(order_id, now):
        return False
    order = StripeOrder.objects.select_related(
        "payment__tenant", "payment__invoice", "payment__method", "refund__payment"
    ).get(pk=order_id)
    try:
        has_ended = _carry_out(order, now)
    except (ProviderUnavailableError, CardPaymentsOffError) as error:
        _logger.warning("%s of tenant %s: %s", order, order.tenant_id, error)
        later = timedelta(seconds=retry_after_seconds(order.tries))
        _put_off(order, now + CLAIMED_FOR + later, str(error))
        return False
    except ProviderRefusedError as error:
        _logger.error("%s of tenant %s: %s", order, order.tenant_id, error)  # noqa: TRY400
        _give_up(order, now)
        _put_off(order, now, str(error))
        has_ended = True
    if has_ended:
        StripeOrder.objects.filter(pk=order_id).update(done_at=now)
    else:
        _put_off(order, now + LOOKED_AT_EVERY, "")
    return has_ended


def _is_claimed(order_id: int, now: datetime) -> bool:
    mine = StripeOrder.objects.open().filter(pk=order_id, try_after__lte=now)
    return bool(mine.update(tries=F("tries") + 1, try_after=now + CLAIMED_FOR))


def _put_off(order: StripeOrder, until: datetime, problem: str) -> None:
    rows = StripeOrder.objects.open().filter(pk=order.pk)
    rows.update(try_after=until, problem=problem)


def _carry_out(order: StripeOrder, now: datetime) -> bool:
    if order.refund is not None:
        return _refund(order, order.refund, now)
    assert order.payment is not None  # noqa: S101  the database says so
    told = _told(order, order.payment)
    apply_payment(told, now=now)
    return told.told not in _OPEN


def _told(order: StripeOrder, payment: Payment) -> ProviderPayment:
    """What Stripe says of the payment, which it is asked for if it was not yet."""
    if payment.provider_id:
        found = read_payment(payment.provider_id)
        assert found is not None  # noqa: S101  payments are no set-ups
        return found
    card_order = card_order_of(payment)
    if payment.method is None:
        # A page that was made, but never shown: nobody can pay there.
        return find_payment(card_order) or _never(payment)
    copy = _copy_of(payment.invoice, card_order.customer_id)
    told = charge_card(
        card_order, payment.method.provider_id, is_repeat=order.tries > 1
    )
    if copy is not None and told.told is not Told.FAILED:
        attach_payment(copy, told.provider_id)
    return told


def _copy_of(invoice: Invoice | None, stripe_tenant_id: str) -> StripeInvoice | None:
    if invoice is None:
        return None
    return push_invoice(invoice, copied_lines(invoice), customer_id=stripe_tenant_id)


def _never(payment: Payment) -> ProviderPayment:
    return ProviderPayment(
        provider_id="",
        told=Told.CANCELED,
        amount_cents=payment.amount_cents,
        payment_id=payment.pk,
        failure_code="expired",
    )


def card_order_of(payment: Payment) -> CardOrder:
    """Makes the tenant known to Stripe, if it is not."""
    what = "Prepaid credit"
    if payment.invoice is not None:
        what = f"Invoice {payment.invoice.number}"
    return CardOrder(
        payment_id=payment.pk,
        tenant_id=payment.tenant_id,
        customer_id=customer_of(payment.tenant),
        amount_cents=payment.amount_cents,
        currency=payment.currency,
        description=what,
        created_at=int(payment.created_at.timestamp()),
    )


def _refund(order: StripeOrder, refund: Refund, now: datetime) -> bool:
    told = send_refund(
        refund_id=refund.pk,
        payment_provider_id=refund.payment.provider_id,
        amount_cents=refund.amount_cents,
        is_repeat=order.tries > 1,
    )
    apply_refund(told, now=now)
    return told.told is not RefundTold.PENDING


def _give_up(order: StripeOrder, now: datetime) -> None:
    if order.payment is not None:
        fail_payment(
            order.payment.pk, told=Told.FAILED, failure_code="refused", now=now
        )
        return
    assert order.refund is not None  # noqa: S101  the database says so
    refund = order.refund
    told = ProviderRefund(
        provider_id="",
        told=RefundTold.FAILED,
        refund_id=refund.pk,
        payment_provider_id=refund.payment.provider_id,
        amount_cents=refund.amount_cents,
        failure_code="refused",
    )
    apply_refund(told, now=now)
