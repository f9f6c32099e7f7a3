"""Work out a line of an issued invoice from its usage events, not from rollups."""

from datetime import date
from typing import Any

from django.db import connection
from django.utils.translation import gettext

from billing.domain.charges import ChargeKind
from billing.domain.derived_line import BilledLine, DerivedLine, derive_line
from billing.domain.invoice import InvoiceStatus
from billing.errors import NotDisputableError
from billing.models.invoices import LineItem
from billing.services.receipts.bill_receipts import CALL_QUANTITIES
from billing.services.receipts.receipt_condition import receipt_condition
from billing.services.receipts.sign_invoice import earlier_quantities

_CALL_DAYS = """
    SELECT (e.happened_at AT TIME ZONE 'UTC')::date AS day, sum(m.quantity)::bigint
    FROM receipt r
    JOIN usage_event e ON e.event_id = r.event_id AND e.happened_at = r.happened_at
    CROSS JOIN LATERAL (VALUES {quantities}) AS m (meter, quantity)
    WHERE r.tenant_id = %(tenant_id)s AND r.interval_id IS NULL
        AND e.happened_at >= %(start)s AND e.happened_at < %(end)s
        AND e.price_version_id = %(price_version_id)s AND e.outcome <> 'unbilled'
        AND m.meter = %(meter)s AND m.quantity > 0 AND {spans}
    GROUP BY 1
"""
_INTERVAL_DAYS = """
    SELECT (i.ended_at AT TIME ZONE 'UTC')::date AS day, sum(i.mb_s)::bigint
    FROM receipt r JOIN lease_interval i ON i.id = r.interval_id
    WHERE r.tenant_id = %(tenant_id)s
        AND i.ended_at >= %(start)s AND i.ended_at < %(end)s
        AND i.price_version_id = %(price_version_id)s AND i.credit_reason = ''
        AND i.tier || '_mb_s' = %(meter)s AND {spans}
    GROUP BY 1
"""


def rederive_line(line: LineItem) -> DerivedLine:
    """Raises NotDisputableError for a draft's line, which still changes, and for one
    that is not made of usage events.
    """
    if line.kind != ChargeKind.USAGE or line.price_version is None:
        raise NotDisputableError(gettext("Only usage is made of events."))
    if line.invoice.status == InvoiceStatus.DRAFT or not line.invoice.merkle_root:
        raise NotDisputableError(gettext("Only what is issued is final."))
    pricing = line.price_version.price.pricing_of(line.meter)
    if pricing is None:
        raise NotDisputableError(gettext("The price does not sell it."))
    billed = BilledLine(
        quantity=line.quantity,
        included_quantity=line.included_quantity,
        gross_nanos=line.gross_nanos,
        discount_nanos=line.discount_nanos,
        amount_cents=line.amount_cents,
    )
    earlier = earlier_quantities(line.invoice)[line.key]
    return derive_line(_days(line), billed, pricing, earlier_quantity=earlier)


def _days(line: LineItem) -> dict[date, int]:
    spans = [one.span for one in line.invoice.billed_receipts.all()]
    condition, values = receipt_condition(spans)
    values |= {
        "tenant_id": line.tenant_id,
        "price_version_id": line.price_version_id,
        "meter": line.meter,
        "start": line.invoice.period_start,
        "end": line.invoice.period_end,
    }
    query = _INTERVAL_DAYS if line.meter.endswith("_mb_s") else _CALL_DAYS
    with connection.cursor() as cursor:
        cursor.execute(
            query.format(spans=condition, quantities=CALL_QUANTITIES), values
        )
        rows: list[tuple[Any, Any]] = cursor.fetchall()
    return dict(sorted(rows))
