"""Have months of a tenant rated once more, though nothing was used in them."""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection
from django.db.models import F

from billing.domain.periods import month_of
from billing.models.rating import BillingPeriod

_OPEN = """
INSERT INTO billing_billingperiod (tenant_id, starts_at)
    SELECT %s, starts_at FROM unnest(%s::timestamptz[]) AS starts_at
    ORDER BY starts_at
ON CONFLICT (tenant_id, starts_at) DO NOTHING
"""


def mark_months(tenant_id: int, *, start: datetime, now: datetime) -> None:
    """All from the month of `start` on: those that began by `now` are there afterwards,
    used or not.

    Called where subscriptions and coupons change, in their transaction. The rating that
    follows redraws the drafts.
    """
    months = list(_begun(start, now))
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, [tenant_id, months])
    BillingPeriod.objects.filter(
        tenant_id=tenant_id, starts_at__gte=month_of(start).start
    ).update(generation=F("generation") + 1)


def _begun(start: datetime, now: datetime) -> Iterator[datetime]:
    month = month_of(start)
    while month.start <= now:
        yield month.start
        month = month_of(month.end)
