"""Give back what a voided invoice drew."""

from datetime import datetime

from django.db import transaction

from billing.domain.postings import TransactionKind, credit_drawn
from billing.models.credit import CreditDraw
from billing.models.invoices import Invoice
from billing.services.credit.publish_credit import publish_credit
from billing.services.ledger.post_transaction import post_transaction


def return_credit(invoice: Invoice, *, now: datetime) -> int:
    """Nanos that returned to the grants they came from; 0: it drew nothing, or all
    of it has returned before.

    The caller holds the tenant's lock, and voids the invoice in this transaction. What
    returns to a grant that has expired since is kept for the calls before its end.
    """
    # What they were charged is on no invoice again.
    transaction.on_commit(lambda: publish_credit(invoice.tenant_id), robust=True)
    draws = list(CreditDraw.objects.filter(invoice=invoice))
    if any(draw.amount_nanos < 0 for draw in draws):
        return 0
    CreditDraw.objects.bulk_create(
        CreditDraw(
            tenant_id=draw.tenant_id,
            grant_id=draw.grant_id,
            invoice=invoice,
            amount_nanos=-draw.amount_nanos,
            drawn_at=now,
        )
        for draw in draws
    )
    amount = sum(draw.amount_nanos for draw in draws)
    post_transaction(
        credit_drawn(-amount),
        tenant_id=invoice.tenant_id,
        kind=TransactionKind.CREDIT_RETURNED,
        reference=f"credit_return:{invoice.pk}",
        booked_at=now,
    )
    return amount
