"""The operator's pages: all invoices. Staff only."""

from django.db.models import Value
from django.db.models.functions import Coalesce, Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.domain.invoice import InvoiceStatus
from billing.models.invoices import Invoice
from billing.models.issue_blocks import IssueBlock
from frontend.access import operator_page
from frontend.currency import write_amounts_in
from frontend.invoices.invoice_page import invoice_context
from frontend.operator.views.documents import acts_of
from frontend.tables import Rules, read_table

_INVOICES = Rules(
    sorts={
        "tenant": Lower("tenant__name"),
        "period": "period_start",
        "number": Coalesce("number", Value("")),
        "total": "total_cents",
    },
    default="-period",
    search=("tenant__name", "number"),
)


@require_safe
@operator_page
def invoices(request: HttpRequest) -> HttpResponse:
    status = request.GET.get("status", "")
    rows = Invoice.objects.select_related("tenant")
    if status in set(InvoiceStatus):
        rows = rows.filter(status=status)
    context = {
        "table": read_table(request.GET, rows, _INVOICES),
        "status": status,
        "statuses": [state.value for state in InvoiceStatus],
        "blocked_count": IssueBlock.objects.count(),
    }
    return render(request, "frontend/operator/invoices.html", context)


@require_safe
@operator_page
def invoice(request: HttpRequest, invoice_id: int) -> HttpResponse:
    rows = Invoice.objects.select_related("tenant")
    found = get_object_or_404(rows, pk=invoice_id)
    write_amounts_in(found.currency)
    context = {**invoice_context(found, now=timezone.now()), "is_operator": True}
    context["acts"] = acts_of(found)
    return render(request, "frontend/invoices/invoice.html", context)
