"""Have the last month of a commitment rated again when an earlier one changes."""

from datetime import timedelta

from django.db.models import F

from billing.domain.periods import month_of
from billing.models.plans import Subscription
from billing.models.rating import BillingPeriod

_INSTANT = timedelta(microseconds=1)


def mark_commitments(period: BillingPeriod) -> None:
    """What lacks to a commitment depends on what all months of its term came to.

    Called in the transaction that rates `period`, once that is marked as rated.
    """
    committed = Subscription.objects.filter(
        tenant_id=period.tenant_id,
        plan__commitment_months__gt=0,
        starts_at__lt=period.span.end,
    )
    last_months = {
        month_of(one.commitment_ends_at - _INSTANT).start
        for one in committed.select_related("plan")
        if one.commitment_ends_at
    }
    BillingPeriod.objects.filter(
        tenant_id=period.tenant_id,
        starts_at__in=last_months,
        starts_at__gt=period.starts_at,
    ).update(generation=F("generation") + 1)
