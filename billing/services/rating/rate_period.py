"""Rate one tenant's month: charges, ledger and drafts follow the rollups and plans."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from billing.domain.charges import Charge
from billing.domain.postings import TransactionKind, usage_rated
from billing.models.rating import BillingPeriod, RatedCharge
from billing.services.invoices.draft_invoice import draft_invoice
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.ledger.post_transaction import post_transaction
from billing.services.plans.mark_commitments import mark_commitments
from billing.services.rating.read_charges import read_charges


@transaction.atomic
def rate_period(period_id: int, *, now: datetime) -> list[Charge]:
    """Makes all of it agree in one transaction, and returns the month's charges.

    Safe twice: what did not change is not written. Raises UnpricedUsageError and
    UnknownTenantError, and then leaves all as it was.
    """
    tenant_id = BillingPeriod.objects.values_list("tenant_id", flat=True).get(
        pk=period_id
    )
    lock_tenant(tenant_id)
    # Read before the rollups: whoever changes them from now on raises the generation
    # above the one we put down as rated, so a change we half see is rated once more.
    period = BillingPeriod.objects.get(pk=period_id)
    charges = read_charges(tenant_id, period.span)
    growth_nanos = _replace_rated_charges(period, charges)
    draft_invoice(period, charges, now=now)
    if growth_nanos:
        _book(period, growth_nanos, now)
    # Last, since a roll-up may hold this row until it commits, and would wait for it.
    BillingPeriod.objects.filter(pk=period_id).update(
        rated_generation=period.generation,
        revision=F("revision") + (1 if growth_nanos else 0),
        rated_at=now,
        rate_after=None,
        problem="",
    )
    if growth_nanos:
        mark_commitments(period)
    return charges


def _book(period: BillingPeriod, growth_nanos: int, now: datetime) -> None:
    month = period.span.start.strftime("%Y-%m")
    post_transaction(
        usage_rated(growth_nanos),
        tenant_id=period.tenant_id,
        kind=TransactionKind.USAGE_RATED,
        reference=f"usage:{period.tenant_id}:{month}:{period.revision + 1}",
        booked_at=now,
    )


def _replace_rated_charges(period: BillingPeriod, charges: list[Charge]) -> int:
    """Returns by how much the rated total grew, in nanos."""
    before = {row.key: row for row in period.charges.all()}
    wanted = {charge.key: charge for charge in charges}
    changed = [
        charge
        for key, charge in wanted.items()
        if key not in before
        or (before[key].quantity, before[key].amount_nanos)
        != (charge.quantity, charge.amount_nanos)
    ]
    gone = [row.pk for key, row in before.items() if key not in wanted]
    _store(period, changed, gone)
    rated_before = sum(row.amount_nanos for row in before.values())
    return sum(charge.amount_nanos for charge in charges) - rated_before


def _store(period: BillingPeriod, changed: list[Charge], gone: list[int]) -> None:
    if gone:
        period.charges.filter(pk__in=gone).delete()
    RatedCharge.objects.bulk_create(
        [
            RatedCharge(
                tenant_id=period.tenant_id,
                period=period,
                key=charge.key,
                quantity=charge.quantity,
                amount_nanos=charge.amount_nanos,
            )
            for charge in changed
        ],
        update_conflicts=True,
        unique_fields=["period", "key"],
        update_fields=["quantity", "amount_nanos"],
    )
