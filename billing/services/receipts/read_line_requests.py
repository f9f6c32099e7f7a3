"""The single calls, or times of leases, of one hour of an invoice's line."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from billing.domain.invoice import InvoiceStatus
from billing.models.invoices import LineItem
from billing.models.receipts import BilledReceipts
from billing.services.invoices.read_billed import BILLING
from billing.services.receipts.bill_receipts import CALL_QUANTITIES
from billing.services.receipts.receipt_condition import receipt_condition

# The time is said thrice: the receipts of an hour are few, whatever the planner thinks
# of a table that grew by a million rows since it last looked.
_CALLS = """
    SELECT e.happened_at, e.event_id, NULL, m.quantity, r.sequence, e.project_id,
        e.api_key_id
    FROM usage_event e
    CROSS JOIN LATERAL (VALUES {quantities}) AS m (meter, quantity)
    LEFT JOIN receipt r ON r.tenant_id = e.tenant_id AND r.event_id = e.event_id
        AND r.happened_at = e.happened_at AND r.interval_id IS NULL
        AND r.happened_at >= %(after_at)s AND r.happened_at < %(end)s
    WHERE e.tenant_id = %(tenant_id)s
        AND e.happened_at >= %(after_at)s AND e.happened_at < %(end)s
        AND (e.happened_at, e.event_id) > (%(after_at)s, %(after_id)s)
        AND e.price_version_id = %(price_version_id)s AND e.outcome <> 'unbilled'
        AND m.meter = %(meter)s AND m.quantity > 0 AND {billed}
    ORDER BY e.happened_at, e.event_id LIMIT %(limit)s
"""
_INTERVALS = """
    SELECT i.ended_at, i.event_id, i.id, i.mb_s, r.sequence, i.project_id, i.api_key_id
    FROM lease_interval i
    LEFT JOIN receipt r ON r.tenant_id = i.tenant_id AND r.interval_id = i.id
        AND r.happened_at = i.ended_at AND r.event_id = i.event_id
        AND r.happened_at >= %(after_at)s AND r.happened_at < %(end)s
    WHERE i.tenant_id = %(tenant_id)s
        AND i.ended_at >= %(after_at)s AND i.ended_at < %(end)s
        AND (i.ended_at, i.event_id) > (%(after_at)s, %(after_id)s)
        AND i.price_version_id = %(price_version_id)s AND i.credit_reason = ''
        AND i.tier || '_mb_s' = %(meter)s AND i.mb_s > 0 AND {billed}
    ORDER BY i.ended_at, i.event_id LIMIT %(limit)s
"""
_HOUR = timedelta(hours=1)
_NO_ID = UUID(int=0)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class LineRequest:
    happened_at: datetime
    event_id: UUID
    """Of a lease's time: of the call that bought the lease."""
    interval_id: int | None
    """None: it is a call."""
    quantity: int
    """On the meter of the line."""
    sequence: int | None
    """Of its receipt; None: it is not sealed yet."""
    project_id: int
    api_key_id: int


def read_line_requests(
    line: LineItem,
    hour_at: datetime,
    *,
    limit: int,
    after: tuple[datetime, UUID] | None = None,
) -> list[LineRequest]:
    """At most `limit`, in the order of time, of those that come after time and id
    `after`: each page costs the same, however many calls there are.
    """
    after_at, after_id = after or (hour_at - _MICROSECOND, _NO_ID)
    condition, values = _condition(line)
    values |= {
        "tenant_id": line.tenant_id,
        "price_version_id": line.price_version_id,
        "meter": line.meter,
        "end": hour_at + _HOUR,
        "after_at": max(after_at, hour_at - _MICROSECOND),
        "after_id": after_id,
        "limit": limit,
    }
    query = _INTERVALS if line.meter.endswith("_mb_s") else _CALLS
    with connection.cursor() as cursor:
        cursor.execute(
            query.format(billed=condition, quantities=CALL_QUANTITIES), values
        )
        return [_request(row) for row in cursor.fetchall()]


def _condition(line: LineItem) -> tuple[str, dict[str, Any]]:
    """Of an issued invoice: its receipts; of a draft: what no issued one bills."""
    if line.invoice.status != InvoiceStatus.DRAFT:
        return receipt_condition([x.span for x in line.invoice.billed_receipts.all()])
    billed = BilledReceipts.objects.filter(
        tenant_id=line.tenant_id,
        starts_at__gte=line.invoice.period_start,
        starts_at__lt=line.invoice.period_end,
        invoice__status__in=BILLING,
    )
    condition, values = receipt_condition([one.span for one in billed])
    return f"(r.sequence IS NULL OR NOT {condition})", values


def _request(row: tuple[Any, ...]) -> LineRequest:
    happened_at, event_id, interval_id, quantity, sequence, project_id, key_id = row
    return LineRequest(
        happened_at=happened_at,
        event_id=event_id,
        interval_id=interval_id,
        quantity=quantity,
        sequence=sequence,
        project_id=project_id,
        api_key_id=key_id,
    )
