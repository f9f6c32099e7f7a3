"""The bank takes back what had bought credit, and may return it."""

from datetime import datetime

from django.db.models import QuerySet

from billing.domain.postings import TransactionKind, spent_credit_reversed
from billing.models.credit import CreditGrant, CreditWithdrawal
from billing.models.payments import Payment
from billing.services.credit.grant_credit import grant_credit
from billing.services.credit.withdraw_credit import unused_of, withdraw_credit
from billing.services.ledger.post_transaction import post_transaction
from billing.services.payments.book_payment import credit_key


def reverse_credit(payment: Payment, *, now: datetime) -> int:
    """Credit that no call has used is withdrawn; of the rest the money is lost. Once
    for a payment; the caller holds the tenant's lock. Returns what it had bought, in
    nanos: nothing, where all of it paid an invoice.
    """
    bought = _bought(payment)
    if not bought:
        return 0
    grant = _granted(payment).get()
    unused = max(0, min(bought, unused_of(grant, now=now)))
    if unused:
        withdraw_credit(
            grant=grant,
            amount_nanos=unused,
            reason="The bank took the payment back",
            idempotency_key=_key(payment),
            now=now,
        )
    _book(payment, bought - unused, f"top-up-reversed:{payment.pk}", now)
    return bought


def restore_credit(payment: Payment, *, now: datetime) -> int:
    """What was withdrawn is credit again, and what was lost is money again. Returns
    what `reverse_credit` did.
    """
    bought = _bought(payment)
    if not bought:
        return 0
    withdrawals = CreditWithdrawal.objects.filter(
        tenant_id=payment.tenant_id, idempotency_key=_key(payment)
    )
    unused = withdrawals.values_list("amount_nanos", flat=True).first() or 0
    if unused:
        grant_credit(
            tenant=payment.tenant,
            amount_nanos=unused,
            reason="The bank returned the payment",
            idempotency_key=_key(payment),
            now=now,
        )
    _book(payment, unused - bought, f"top-up-restored:{payment.pk}", now)
    return bought


def _granted(payment: Payment) -> QuerySet[CreditGrant]:
    """One at most."""
    return CreditGrant.objects.filter(
        tenant_id=payment.tenant_id, idempotency_key=credit_key(payment)
    )


def _bought(payment: Payment) -> int:
    return _granted(payment).values_list("amount_nanos", flat=True).first() or 0


def _key(payment: Payment) -> str:
    return f"dispute-of-payment-{payment.pk}"


def _book(payment: Payment, lost_nanos: int, reference: str, now: datetime) -> None:
    post_transaction(
        spent_credit_reversed(lost_nanos),
        tenant_id=payment.tenant_id,
        kind=TransactionKind.PAYMENT_REVERSED,
        reference=reference,
        booked_at=now,
    )
