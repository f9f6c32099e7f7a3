"""What calls were charged that no issued invoice bills yet."""

from datetime import datetime, timedelta

from django.db.models import Q, Sum

from billing.domain.periods import month_of
from billing.models.invoices import Invoice
from billing.services.invoices.read_billed import BILLING
from billing.services.spend.sum_tenant_spend import sum_tenant_spend

_INSTANT = timedelta(microseconds=1)


def unbilled_before(tenant_id: int, instant: datetime) -> int:
    """Nanos, of the calls that happened before `instant`."""
    last = instant - _INSTANT
    spent = sum_tenant_spend(tenant_id, until=last)
    month = month_of(last)
    invoices = Invoice.objects.filter(tenant_id=tenant_id, status__in=BILLING)
    billed = invoices.aggregate(
        earlier=Sum("charged_nanos", filter=Q(period_start__lt=month.start)),
        in_month=Sum("charged_nanos", filter=Q(period_start=month.start)),
    )
    earlier = spent.ever - spent.in_month - int(billed["earlier"] or 0)
    # An invoice of the month may bill calls after the instant as well.
    return max(0, earlier) + max(0, spent.in_month - int(billed["in_month"] or 0))
