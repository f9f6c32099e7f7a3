"""Keep down how much of what was let go is not owed for any other reason either."""

from datetime import datetime

from billing.domain.postings import TransactionKind, goodwill_covered
from billing.models.ledger import LedgerTransaction
from billing.models.rating import BillingPeriod
from billing.services.ledger.post_transaction import post_transaction


def cover_by_goodwill(
    period: BillingPeriod, covered_nanos: int, *, now: datetime
) -> None:
    """Books what changed of it; nothing where nothing did. No document follows: the
    tenant was given it when it was let go. The caller holds the tenant's lock.

    Should the month come to more again, less is covered, and the goodwill stands again
    before anything is billed anew.
    """
    if not covered_nanos and not period.goodwill_covered_nanos:
        return
    # As it is now: who calls may have read the month before it was rated once more.
    rows = BillingPeriod.objects.filter(pk=period.pk)
    before = rows.values_list("goodwill_covered_nanos", flat=True).get()
    if covered_nanos == before:
        return
    rows.update(goodwill_covered_nanos=covered_nanos)
    booked = LedgerTransaction.objects.filter(
        tenant_id=period.tenant_id, kind=TransactionKind.GOODWILL_COVERED
    )
    post_transaction(
        goodwill_covered(covered_nanos - before),
        tenant_id=period.tenant_id,
        kind=TransactionKind.GOODWILL_COVERED,
        reference=f"goodwill-covered:{period.tenant_id}:{booked.count() + 1}",
        booked_at=now,
    )
