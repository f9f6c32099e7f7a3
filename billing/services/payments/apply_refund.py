"""Take over how a refund stands by Stripe's word."""

from datetime import datetime

from django.db import transaction

from billing.domain.money import nanos
from billing.domain.payments import (
    ProviderRefund,
    RefundTold,
    refund_may_follow,
)
from billing.domain.postings import TransactionKind, refund_paid
from billing.models.payments import Refund, RefundStatus
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.ledger.post_transaction import post_transaction
from billing.services.payments.fail_refund import fail_refund


@transaction.atomic
def apply_refund(told: ProviderRefund, *, now: datetime) -> bool:
    """False: it is no refund of ours. Safe in any order, any number of times."""
    if told.refund_id is None:
        return False  # made at Stripe by hand: no document of ours says why
    known = Refund.objects.filter(pk=told.refund_id, amount_cents=told.amount_cents)
    found = known.values_list("tenant_id", flat=True).first()
    if found is None:
        return False
    lock_tenant(found)
    refund = known.get()
    if refund_may_follow(refund.status, told.told):
        refund.provider_id = told.provider_id or refund.provider_id
        if told.told is RefundTold.FAILED:
            fail_refund(refund, failure_code=told.failure_code, now=now)
        else:
            book_refund(refund, now=now)
    return True


def book_refund(refund: Refund, *, now: datetime) -> None:
    """The money has left. The caller holds the tenant's lock."""
    refund.status, refund.settled_at = RefundStatus.SUCCEEDED, now
    refund.save()
    if refund.credit_note_id is not None:  # else the withdrawal of the credit booked it
        post_transaction(
            refund_paid(nanos(refund.amount_cents)),
            tenant_id=refund.tenant_id,
            kind=TransactionKind.REFUND_PAID,
            reference=f"refund-paid:{refund.pk}",
            booked_at=now,
        )
