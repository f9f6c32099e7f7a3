"""Issued invoices and credit notes as a table of FOCUS."""

from collections.abc import Iterator
from dataclasses import astuple, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_type_hints

from django.db.models import Sum
from django.db.models.functions import TruncDay

from billing.domain.charges import ChargeKind
from billing.domain.focus import (
    BilledLine,
    FocusRow,
    Part,
    column_name,
    focus_rows,
)
from billing.domain.line_titles import line_title
from billing.domain.periods import month_of
from billing.encoding import Column, Kind, Table, Value
from billing.models.credit_notes import CreditNoteLine
from billing.models.invoices import Invoice, LineItem
from metering.models import UsageRollup
from tenants.models import Project, Tenant

ROWS_AT_ONCE = 500
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def export_costs(
    tenant: Tenant, *, start: datetime, end: datetime, step: timedelta = DAY
) -> Table:
    """What was issued in [start, end), by days or hours (`step`) and projects.

    The rows of an invoice come to its total before tax, exactly. What an invoice bills
    of a month that an earlier one billed in part is shared out by the use of the whole
    month, since nobody can say which tokens the earlier one meant.
    """
    return Table(columns=_columns(), rows=_rows(tenant, start, end, step))


def _columns() -> list[Column]:
    kinds = {Decimal: Kind.DECIMAL, datetime: Kind.TIME}
    hints = get_type_hints(FocusRow)
    return [
        Column(
            column_name(field.name),
            next(
                (kinds[one] for one in kinds if one in _members(hints[field.name])),
                Kind.TEXT,
            ),
        )
        for field in fields(FocusRow)
    ]


def _members(hint: object) -> tuple[object, ...]:
    return getattr(hint, "__args__", (hint,))


def _rows(
    tenant: Tenant, start: datetime, end: datetime, step: timedelta
) -> Iterator[tuple[Value, ...]]:
    names = dict(Project.objects.filter(tenant=tenant).values_list("pk", "name"))
    lines = LineItem.objects.filter(
        tenant=tenant, invoice__issued_at__gte=start, invoice__issued_at__lt=end
    ).select_related("invoice__legal_entity")
    for line in lines.order_by("invoice_id", "pk").iterator(ROWS_AT_ONCE):
        yield from _of_line(_billed(tenant, line), line, names, step)
    credited = CreditNoteLine.objects.filter(
        tenant=tenant,
        credit_note__issued_at__gte=start,
        credit_note__issued_at__lt=end,
    ).select_related("credit_note", "line__invoice__legal_entity")
    for one in credited.order_by("credit_note_id", "pk").iterator(ROWS_AT_ONCE):
        yield from _of_line(_credited(tenant, one), one.line, names, step)


def _of_line(
    billed: BilledLine, line: LineItem, names: dict[int, str], step: timedelta
) -> Iterator[tuple[Value, ...]]:
    parts = list(_parts(line, names, step)) or [_whole(line.invoice)]
    return (astuple(row) for row in focus_rows(billed, parts))


def _parts(line: LineItem, names: dict[int, str], step: timedelta) -> Iterator[Part]:
    """By time, then project; of what is no usage, none."""
    if line.kind != ChargeKind.USAGE:
        return
    used = UsageRollup.objects.of_tenant(line.tenant_id).between(
        line.invoice.period_start, line.invoice.period_end
    )
    begin = "hour_at" if step == HOUR else "day_at"
    rows = (
        used.filter(price_version_id=line.price_version_id or 0, meter=line.meter)
        .annotate(day_at=TruncDay("hour_at", tzinfo=UTC))
        .values_list(begin, "project_id")
        .annotate(quantity=Sum("quantity"))
        .order_by(begin, "project_id")
    )
    for at, project_id, quantity in rows:
        yield Part(
            start=at,
            end=at + step,
            project_id=project_id,
            project_name=names.get(project_id),
            weight=quantity,
        )


def _whole(invoice: Invoice) -> Part:
    return Part(
        start=invoice.period_start,
        end=invoice.period_end,
        project_id=None,
        project_name=None,
        weight=1,
    )


def _billed(tenant: Tenant, line: LineItem) -> BilledLine:
    return _line(
        tenant,
        line,
        document_number=line.invoice.number or "",
        quantity=line.quantity,
        gross_nanos=line.gross_nanos,
        amount_nanos=line.amount_nanos,
        is_correction=False,
    )


def _credited(tenant: Tenant, credited: CreditNoteLine) -> BilledLine:
    return _line(
        tenant,
        credited.line,
        document_number=credited.credit_note.number or "",
        quantity=-credited.quantity,
        gross_nanos=-credited.amount_nanos,
        amount_nanos=-credited.amount_nanos,
        is_correction=True,
    )


def _line(
    tenant: Tenant,
    line: LineItem,
    *,
    document_number: str,
    quantity: int,
    gross_nanos: int,
    amount_nanos: int,
    is_correction: bool,
) -> BilledLine:
    invoice = line.invoice
    month = month_of(invoice.period_start)
    return BilledLine(
        document_number=document_number,
        issuer=invoice.legal_entity.name if invoice.legal_entity else "",
        tenant_slug=tenant.slug,
        tenant_name=tenant.name,
        currency=invoice.currency,
        month_start=month.start,
        month_end=month.end,
        kind=ChargeKind(line.kind),
        description=line_title(
            kind=line.kind,
            description=line.description,
            model=line.model,
            meter=line.meter,
        ),
        model=line.model,
        meter=line.meter,
        price_version_id=line.price_version_id,
        quantity=quantity,
        rate_nanos_per_million=line.rate_nanos_per_million,
        gross_nanos=gross_nanos,
        amount_nanos=amount_nanos,
        is_correction=is_correction,
    )
