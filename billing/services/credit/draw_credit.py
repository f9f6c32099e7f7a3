"""Pay an invoice with the tenant's credit."""

from datetime import datetime

from django.db import transaction
from django.db.models import Sum

from billing.domain.credit import Grant, Share, allocate
from billing.domain.money import NANOS_PER_CENT, nanos
from billing.domain.postings import TransactionKind, credit_drawn
from billing.models.credit import CreditDraw
from billing.models.invoices import Invoice
from billing.services.credit.bear_tax_of_gifts import bear_tax_of_gifts
from billing.services.credit.expire_grants import expire_grants
from billing.services.credit.publish_credit import publish_credit
from billing.services.credit.read_grants import read_grants
from billing.services.ledger.post_transaction import post_transaction


def draw_credit(invoice: Invoice, *, now: datetime) -> int:
    """Nanos drawn: whole cents, at most the invoice's total; 0 without credit.

    The caller holds the tenant's lock, and issues the invoice, which is a draft yet, in
    this transaction. A second call draws nothing more. A grant that has expired pays
    for calls before its end alone, for which a part of it was set aside when it did.
    The tax on what gifts pay for is a gift as well.
    """
    drawn = CreditDraw.objects.filter(invoice=invoice, amount_nanos__gt=0)
    if before := drawn.aggregate(total=Sum("amount_nanos"))["total"]:
        return int(before)
    expire_grants(invoice.tenant_id, now=now)
    usable = [one for one in read_grants(invoice.tenant_id) if _may_pay(one, invoice)]
    owed, available = nanos(invoice.total_cents), _whole_cents(usable)
    shares = allocate(usable, min(owed, available), at=now)
    if borne := bear_tax_of_gifts(invoice, shares, now=now):
        rest = min(owed - borne.amount_nanos, available)
        shares = [borne, *allocate(usable, rest, at=now)]
    _book(invoice, shares, now)
    # Whatever was drawn: what the calls were charged that it bills returns.
    transaction.on_commit(lambda: publish_credit(invoice.tenant_id), robust=True)
    return sum(share.amount_nanos for share in shares)


def _may_pay(grant: Grant, invoice: Invoice) -> bool:
    return grant.is_live(invoice.period_start)


def _whole_cents(grants: list[Grant]) -> int:
    """What is owed is in cents: a rest of a cent stays with its grant."""
    available = sum(grant.remaining_nanos for grant in grants)
    return available - available % NANOS_PER_CENT


def _book(invoice: Invoice, shares: list[Share], now: datetime) -> None:
    CreditDraw.objects.bulk_create(
        CreditDraw(
            tenant_id=invoice.tenant_id,
            grant_id=share.grant_id,
            invoice=invoice,
            amount_nanos=share.amount_nanos,
            drawn_at=now,
        )
        for share in shares
    )
    post_transaction(
        credit_drawn(sum(share.amount_nanos for share in shares)),
        tenant_id=invoice.tenant_id,
        kind=TransactionKind.CREDIT_DRAWN,
        reference=f"credit_draw:{invoice.pk}",
        booked_at=now,
    )
