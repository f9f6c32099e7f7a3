"""A cardholder disputes a payment: the bank takes the money, and may give it back."""

from datetime import datetime

from django.db import transaction

from billing.domain.money import nanos
from billing.domain.payments import ProviderDispute
from billing.domain.postings import (
    TransactionKind,
    payment_received,
    payment_reversed,
)
from billing.errors import ProviderRefusedError
from billing.models.payments import Payment, PaymentStatus
from billing.models.provider import Chargeback, ChargebackStatus
from billing.services.credit.reverse_credit import restore_credit, reverse_credit
from billing.services.dunning.lift_restriction import lift_restriction
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.ledger.post_transaction import post_transaction
from billing.services.payments.book_payment import settle


@transaction.atomic
def apply_dispute(told: ProviderDispute, *, now: datetime) -> bool:
    """False: it disputes no payment of ours. Safe in any order, any number of times.

    While it is open, and when it is lost, what it paid of an invoice is owed again, and
    the credit that it bought is withdrawn; won, all is as before.
    Raises ProviderRefusedError for what only a person can sort out: a dispute of a
    part.
    """
    found = Payment.objects.filter(provider_id=told.payment_provider_id).first()
    if found is None:
        return False
    lock_tenant(found.tenant_id)
    payment = Payment.objects.select_related("invoice").get(pk=found.pk)
    chargeback = Chargeback.objects.filter(payment=payment).first()
    if chargeback is None:
        chargeback = open_dispute(payment, told, now=now)
    if chargeback.status == ChargebackStatus.OPEN and (told.is_won or told.is_lost):
        close_dispute(chargeback, is_won=told.is_won, now=now)
    return True


def open_dispute(
    payment: Payment, told: ProviderDispute, *, now: datetime
) -> Chargeback:
    """The caller holds the tenant's lock."""
    if told.amount_cents != payment.amount_cents:
        raise ProviderRefusedError(
            f"Dispute {told.provider_id} is about a part of payment {payment.pk}: sort"
            " it out by hand (docs/operations.md)."
        )
    chargeback = Chargeback.objects.create(
        tenant_id=payment.tenant_id,
        payment=payment,
        provider_id=told.provider_id,
        amount_cents=told.amount_cents,
        opened_at=now,
    )
    _move(payment, PaymentStatus.REVERSED)
    credit = reverse_credit(payment, now=now)
    post_transaction(
        payment_reversed(nanos(payment.amount_cents) - credit),
        tenant_id=payment.tenant_id,
        kind=TransactionKind.PAYMENT_REVERSED,
        reference=f"payment-reversed:{payment.pk}",
        booked_at=now,
    )
    if payment.invoice is not None:
        settle(payment.invoice, now)
    return chargeback


def close_dispute(chargeback: Chargeback, *, is_won: bool, now: datetime) -> None:
    """The caller holds the tenant's lock."""
    chargeback.status = ChargebackStatus.WON if is_won else ChargebackStatus.LOST
    chargeback.closed_at = now
    chargeback.save()
    if not is_won:
        return
    payment = chargeback.payment
    _move(payment, PaymentStatus.SUCCEEDED)
    credit = restore_credit(payment, now=now)
    post_transaction(
        payment_received(nanos(payment.amount_cents) - credit),
        tenant_id=payment.tenant_id,
        kind=TransactionKind.PAYMENT_RECEIVED,
        reference=f"payment-restored:{payment.pk}",
        booked_at=now,
    )
    if payment.invoice is not None:
        settle(payment.invoice, now)
    lift_restriction(payment.tenant_id, now=now)


def _move(payment: Payment, status: PaymentStatus) -> None:
    payment.status = status
    payment.save(update_fields=["status"])
