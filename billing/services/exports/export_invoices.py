"""Issued invoices, line by line, as a table."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from billing.domain.money import NANOS_PER_UNIT
from billing.encoding import Column, Kind, Table, Value
from billing.models.invoices import LineItem

ROWS_AT_ONCE = 2_000
_COLUMNS = (
    Column("invoice_number"),
    Column("invoice_status"),
    Column("issued_at", Kind.TIME),
    Column("period_start", Kind.TIME),
    Column("period_end", Kind.TIME),
    Column("key"),
    Column("kind"),
    Column("description"),
    Column("model"),
    Column("meter"),
    Column("price_version_id", Kind.INTEGER),
    Column("quantity", Kind.INTEGER),
    Column("included_quantity", Kind.INTEGER),
    Column("rate_nanos_per_million", Kind.INTEGER),
    Column("currency"),
    Column("gross", Kind.DECIMAL),
    Column("discount", Kind.DECIMAL),
    Column("amount", Kind.DECIMAL),
    Column("amount_cents", Kind.INTEGER),
)


def export_invoices(tenant_id: int, *, start: datetime, end: datetime) -> Table:
    """Of the invoices that were issued in [start, end), in the order of their numbers'
    making. The decimal amounts are exact, before each line was rounded to cents.
    """
    lines = LineItem.objects.filter(
        tenant_id=tenant_id, invoice__issued_at__gte=start, invoice__issued_at__lt=end
    )
    ordered = lines.select_related("invoice").order_by("invoice_id", "pk")
    return Table(columns=_COLUMNS, rows=_rows(ordered.iterator(ROWS_AT_ONCE)))


def exact(amount_nanos: int) -> Decimal:
    """Units of the currency."""
    return Decimal(amount_nanos) / NANOS_PER_UNIT


def _rows(lines: Iterator[LineItem]) -> Iterator[tuple[Value, ...]]:
    for line in lines:
        invoice = line.invoice
        yield (
            invoice.number,
            str(invoice.status),
            invoice.issued_at,
            invoice.period_start,
            invoice.period_end,
            line.key,
            line.kind,
            line.description,
            line.model,
            line.meter,
            line.price_version_id,
            line.quantity,
            line.included_quantity,
            line.rate_nanos_per_million,
            invoice.currency,
            exact(line.gross_nanos),
            exact(line.discount_nanos),
            exact(line.amount_nanos),
            line.amount_cents,
        )
