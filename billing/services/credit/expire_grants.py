"""Book what a tenant's expired credit grants have left and no call had used."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from billing.domain.credit import Grant, consumed_before_expiry
from billing.domain.event_types import EventType
from billing.domain.postings import TransactionKind, credit_expired
from billing.models.credit import CreditExpiry
from billing.services.credit.publish_credit import publish_credit
from billing.services.credit.read_grants import read_grants
from billing.services.ledger.post_transaction import post_transaction
from billing.services.rating.unbilled_before import unbilled_before
from billing.services.webhooks.emit_event import emit_event
from metering.services.shipped_up_to import shipped_up_to


def expire_grants(tenant_id: int, *, now: datetime) -> int:
    """Nanos that expired. The caller holds the tenant's lock.

    What calls before the end had used stays, for the invoices that will bill them; what
    those leave of it (a discount, an invoice that rounds down) expires in a later call.
    A grant waits until every event before its end is in PostgreSQL.
    """
    left = {grant.grant_id: grant for grant in read_grants(tenant_id)}
    ended = [
        (grant.expires_at, grant)
        for grant in left.values()
        if grant.expires_at and grant.expires_at <= now
    ]
    shipped = shipped_up_to() if ended else None
    if shipped is None:
        return 0
    gone = 0
    for end, grant in sorted(ended, key=_by_end):
        if end >= shipped:
            break
        unbilled = unbilled_before(tenant_id, end)
        others = _others(left.values(), grant)
        kept = consumed_before_expiry(grant, others, unbilled_nanos=unbilled)
        gone += _book(tenant_id, grant, grant.remaining_nanos - kept, now)
        left[grant.grant_id] = replace(grant, remaining_nanos=kept)
    if gone:
        transaction.on_commit(lambda: publish_credit(tenant_id), robust=True)
    return gone


def _by_end(ended: tuple[datetime, Grant]) -> tuple[datetime, int]:
    end, grant = ended
    return end, grant.grant_id


def _others(grants: Collection[Grant], one: Grant) -> list[Grant]:
    return [other for other in grants if other.grant_id != one.grant_id]


def _book(tenant_id: int, grant: Grant, amount_nanos: int, now: datetime) -> int:
    if not amount_nanos:
        return 0
    expiry = CreditExpiry.objects.create(
        tenant_id=tenant_id,
        grant_id=grant.grant_id,
        amount_nanos=amount_nanos,
        expired_at=now,
    )
    post_transaction(
        credit_expired(amount_nanos),
        tenant_id=tenant_id,
        kind=TransactionKind.CREDIT_EXPIRED,
        reference=f"credit_expiry:{expiry.pk}",
        booked_at=now,
    )
    emit_event(
        tenant_id=tenant_id,
        type=EventType.CREDIT_EXPIRED,
        data={"credit_grant_id": grant.grant_id, "amount_nanos": amount_nanos},
        now=now,
    )
    return amount_nanos
