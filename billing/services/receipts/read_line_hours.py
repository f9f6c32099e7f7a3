"""Of which hours the quantity of an invoice's line is."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet, Sum

from billing.domain.invoice import InvoiceStatus
from billing.models.invoices import LineItem
from billing.models.receipts import BilledHour
from billing.services.invoices.read_billed import BILLING
from metering.models import UsageRollup


@dataclass(frozen=True, kw_only=True)
class LineHour:
    hour_at: datetime
    quantity: int


def read_line_hours(line: LineItem) -> list[LineHour]:
    """At most one for each hour of the month, in their order: two queries at most. Of a
    draft's line what is rolled up and billed by no issued invoice.
    """
    of_line: dict[str, Any] = {
        "tenant_id": line.tenant_id,
        "price_version_id": line.price_version_id,
        "meter": line.meter,
    }
    hours = BilledHour.objects.filter(**of_line)
    if line.invoice.status != InvoiceStatus.DRAFT:
        return _listed(_sums(hours.filter(invoice_id=line.invoice_id)))
    start, end = line.invoice.period_start, line.invoice.period_end
    billed = hours.filter(
        hour_at__gte=start, hour_at__lt=end, invoice__status__in=BILLING
    )
    used = UsageRollup.objects.between(start, end).filter(**of_line)
    return _listed(_sums(used) - _sums(billed))


def _sums(rows: QuerySet[BilledHour] | QuerySet[UsageRollup]) -> Counter[datetime]:
    sums = rows.order_by().values_list("hour_at").annotate(total=Sum("quantity"))
    return Counter(dict(sums))


def _listed(sums: Counter[datetime]) -> list[LineHour]:
    return [
        LineHour(hour_at=hour_at, quantity=sums[hour_at]) for hour_at in sorted(sums)
    ]
