"""Invoices and credit notes: the list, and one as a page."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from frontend.access import Access, tenant_page
from frontend.invoices.invoice_list import FILTERS, INVOICES, sum_up, with_due
from frontend.invoices.invoice_page import credit_note_context, invoice_context
from frontend.tables import read_table


def invoices_of(access: Access) -> QuerySet[Invoice]:
    return Invoice.objects.filter(tenant=access.tenant).select_related("tenant")


def credit_notes_of(access: Access) -> QuerySet[CreditNote]:
    """Those that are issued: until then they are the operator's business."""
    return CreditNote.objects.filter(
        tenant=access.tenant, status="issued"
    ).select_related("invoice__tenant")


@require_safe
@tenant_page
def invoices(request: HttpRequest, access: Access) -> HttpResponse:
    now = timezone.now()
    status = request.GET.get("status", "")
    if status not in FILTERS:
        status = ""
    rows = with_due(invoices_of(access), now=now).filter(FILTERS[status][1])
    table = read_table(request.GET, rows, INVOICES)
    context = {
        "table": table,
        "invoices": table.rows,
        "credit_notes": credit_notes_of(access).order_by("-issued_at", "-pk"),
        "sums": sum_up(Invoice.objects.filter(tenant=access.tenant), now=now),
        "filters": {name: title for name, (title, _) in FILTERS.items()},
        "status": status,
    }
    return render(request, "frontend/invoices/invoices.html", context)


@require_safe
@tenant_page
def invoice(request: HttpRequest, access: Access, invoice_id: int) -> HttpResponse:
    found = get_object_or_404(invoices_of(access), pk=invoice_id)
    context: dict[str, Any] = invoice_context(found, now=timezone.now())
    return render(request, "frontend/invoices/invoice.html", context)


@require_safe
@tenant_page
def credit_note(request: HttpRequest, access: Access, note_id: int) -> HttpResponse:
    found = get_object_or_404(credit_notes_of(access), pk=note_id)
    return render(
        request, "frontend/invoices/credit_note.html", credit_note_context(found)
    )
