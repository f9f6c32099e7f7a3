"""Give money of a payment back to where it came from."""

from datetime import datetime

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext

from billing.domain.money import nanos
from billing.errors import IdempotencyKeyReusedError, NotRefundableError
from billing.models.credit import CreditGrant
from billing.models.credit_notes import CreditNote
from billing.models.payments import (
    Payment,
    PaymentKind,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from billing.models.provider import StripeOrder
from billing.services.credit.withdraw_credit import withdraw_credit
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.payments.apply_refund import book_refund
from billing.services.payments.book_payment import credit_key
from tenants.domain.amounts import text_of_cents
from tenants.services.note_act import note_act


@transaction.atomic
def refund_payment(
    payment_id: int,
    *,
    amount_cents: int,
    reason: str,
    idempotency_key: str,
    credit_note: CreditNote | None,
    now: datetime,
) -> Refund:
    """The refund, begun once for its key: what `credit_note` no longer lets us keep, or
    (None) credit that the payment bought and no call has used, which is withdrawn. A
    card's is pending until Stripe has carried it out; of a bank transfer it says that
    staff has sent the money back.

    Raises NotRefundableError for more than is left of a payment that succeeded,
    InvalidCreditError for more than is unused, and IdempotencyKeyReusedError.
    """
    tenant_id = Payment.objects.values_list("tenant_id", flat=True).get(pk=payment_id)
    lock_tenant(tenant_id)
    key = {"tenant_id": tenant_id, "idempotency_key": idempotency_key}
    if found := Refund.objects.filter(**key).first():
        if (found.payment_id, found.amount_cents) == (payment_id, amount_cents):
            return found
        raise IdempotencyKeyReusedError(
            gettext("%(idempotency_key)s names another refund.")
            % {"idempotency_key": repr(idempotency_key)}
        )
    payment = Payment.objects.get(pk=payment_id)
    if not 0 < amount_cents <= refundable_cents(payment):
        raise NotRefundableError(
            gettext("No so much of this payment can be given back.")
        )
    refund = Refund.objects.create(
        **key,
        payment=payment,
        credit_note=credit_note,
        amount_cents=amount_cents,
        reason=reason,
        created_at=now,
    )
    words = f"{text_of_cents(amount_cents)}: {reason}"
    note_act("payment.refunded", tenant_id=tenant_id, about=refund, words=words)
    if credit_note is None:
        _withdraw(refund, payment, now)
    if payment.kind == PaymentKind.CARD:
        StripeOrder.objects.create(tenant_id=tenant_id, refund=refund, try_after=now)
    else:
        book_refund(refund, now=now)
    return refund


def _withdraw(refund: Refund, payment: Payment, now: datetime) -> None:
    if payment.invoice_id is not None:
        raise NotRefundableError(
            gettext("What an invoice bills is given back by credit note.")
        )
    withdraw_credit(
        grant=CreditGrant.objects.get(
            tenant_id=payment.tenant_id, idempotency_key=credit_key(payment)
        ),
        amount_nanos=nanos(refund.amount_cents),
        reason=refund.reason,
        idempotency_key=f"refund-{refund.pk}",
        now=now,
    )


def refundable_cents(payment: Payment) -> int:
    """What is left of it, less what is being given back."""
    if payment.status != PaymentStatus.SUCCEEDED:
        return 0
    given = payment.refunds.exclude(status=RefundStatus.FAILED)
    total = given.aggregate(total=Sum("amount_cents"))["total"]
    return payment.amount_cents - int(total or 0)
