"""Invoices: list, one with its line items, and the same as CSV and JSON."""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from billing.domain.invoice import InvoiceStatus
from billing.domain.line_titles import METER_TITLES
from billing.domain.money import exact_usd, usd_of_cents
from billing.models.invoices import Invoice, LineItem
from billing.services.describe_invoice import describe_invoice
from frontend.access import Access, tenant_page
from frontend.csv_file import csv_lines
from metering.domain.usage import Meter

_TOKENS = frozenset(meter.value for meter in Meter if meter.value.endswith("_tokens"))
_CSV_HEAD = (
    "model",
    "meter",
    "quantity_tokens",
    "rate_usd_per_million",
    "amount_exact_usd",
    "amount_usd",
)


def lines_of(invoice: Invoice) -> list[LineItem]:
    """In the order of the invoice, each with `meter_title`."""
    lines = list(invoice.lines.in_order())
    for line in lines:
        line.meter_title = METER_TITLES.get(line.meter, line.description)  # type: ignore[attr-defined]
    return lines


def _of_tenant(access: Access) -> QuerySet[Invoice]:
    return Invoice.objects.filter(tenant=access.tenant).select_related("tenant")


@require_safe
@tenant_page
def invoices(request: HttpRequest, access: Access) -> HttpResponse:
    rows = _of_tenant(access).order_by("-period_start", "-pk")
    return render(request, "frontend/invoices.html", {"invoices": rows})


@require_safe
@tenant_page
def invoice(request: HttpRequest, access: Access, invoice_id: int) -> HttpResponse:
    found = get_object_or_404(_of_tenant(access), pk=invoice_id)
    return render(request, "frontend/invoice.html", invoice_context(found))


def invoice_context(found: Invoice) -> dict[str, Any]:
    lines = lines_of(found)
    return {
        "invoice": found,
        "lines": lines,
        "is_draft": found.status == InvoiceStatus.DRAFT,
        "tokens": sum(line.quantity for line in lines if line.meter in _TOKENS),
    }


@require_safe
@tenant_page
def invoice_csv(
    _request: HttpRequest, access: Access, invoice_id: int
) -> StreamingHttpResponse:
    found = get_object_or_404(_of_tenant(access), pk=invoice_id)
    response = StreamingHttpResponse(
        csv_lines(_CSV_HEAD, _csv_rows(lines_of(found))),
        content_type="text/csv; charset=utf-8",
    )
    name = f"{_file_stem(found)}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _file_stem(found: Invoice) -> str:
    return found.number or f"tokenfab-draft-{found.period_start:%Y-%m}"


def _csv_rows(lines: list[LineItem]) -> Iterator[tuple[object, ...]]:
    for line in lines:
        yield (
            line.model,
            line.meter,
            line.quantity,
            ""
            if line.rate_nano_usd_per_million is None
            else exact_usd(line.rate_nano_usd_per_million),
            exact_usd(line.amount_nano_usd),
            usd_of_cents(line.amount_cents),
        )


@require_safe
@tenant_page
def invoice_json(
    _request: HttpRequest, access: Access, invoice_id: int
) -> HttpResponse:
    found = get_object_or_404(_of_tenant(access), pk=invoice_id)
    content = msgspec.json.encode(describe_invoice(found))
    response = HttpResponse(
        msgspec.json.format(content, indent=2), content_type="application/json"
    )
    name = f"{_file_stem(found)}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
