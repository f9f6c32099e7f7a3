"""The bank takes back what had bought credit, and may return it."""

from datetime import datetime

from billing.domain.money import nano_usd
from billing.domain.postings import TransactionKind, spent_credit_reversed
from billing.models.credit import CreditGrant, CreditWithdrawal
from billing.models.payments import Payment
from billing.services.book_payment import credit_key
from billing.services.grant_credit import grant_credit
from billing.services.post_transaction import post_transaction
from billing.services.withdraw_credit import unused_of, withdraw_credit


def reverse_top_up(payment: Payment, *, now: datetime) -> None:
    """Credit that no call has used is withdrawn; of the rest the money is lost. Once
    for a payment; the caller holds the tenant's lock.
    """
    grant = CreditGrant.objects.get(
        tenant_id=payment.tenant_id, idempotency_key=credit_key(payment)
    )
    bought = nano_usd(payment.amount_cents)
    unused = max(0, min(bought, unused_of(grant, now=now)))
    if unused:
        withdraw_credit(
            grant=grant,
            amount_nano_usd=unused,
            reason="The bank took the payment back",
            idempotency_key=_key(payment),
            now=now,
        )
    _book(payment, bought - unused, f"top-up-reversed:{payment.pk}", now)


def restore_top_up(payment: Payment, *, now: datetime) -> None:
    """What was withdrawn is credit again, and what was lost is money again."""
    withdrawals = CreditWithdrawal.objects.filter(
        tenant_id=payment.tenant_id, idempotency_key=_key(payment)
    )
    unused = withdrawals.values_list("amount_nano_usd", flat=True).first() or 0
    if unused:
        grant_credit(
            tenant=payment.tenant,
            amount_nano_usd=unused,
            reason="The bank returned the payment",
            idempotency_key=_key(payment),
            now=now,
        )
    lost = nano_usd(payment.amount_cents) - unused
    _book(payment, -lost, f"top-up-restored:{payment.pk}", now)


def _key(payment: Payment) -> str:
    return f"dispute-of-payment-{payment.pk}"


def _book(payment: Payment, lost_nano_usd: int, reference: str, now: datetime) -> None:
    post_transaction(
        spent_credit_reversed(lost_nano_usd),
        tenant_id=payment.tenant_id,
        kind=TransactionKind.PAYMENT_REVERSED,
        reference=reference,
        booked_at=now,
    )
