"""The operator's pages: tenants, all invoices, engines. Staff only."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.db.models import Count, Max, Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from billing.domain.invoice import InvoiceStatus
from billing.models.invoices import Invoice
from billing.models.issue_blocks import IssueBlock
from billing.models.rating import BillingPeriod
from frontend.access import operator_page
from frontend.calls import newest_calls
from frontend.currency import write_amounts_in
from frontend.invoice_page import invoice_context
from frontend.kv_memory import read_kv_memory
from frontend.prices import amount_of_totals, amounts_of_totals
from frontend.progress import read_progress
from frontend.ranges import find_range
from frontend.usage import figures
from frontend.views.api_keys import describe
from frontend.views.operator_documents import acts_of
from inference.lease_models import LeaseState
from inference.models import Engine
from metering.models import UsageRollup
from tenants.models import Tenant

PAGE_ROWS = 50
PROBLEMS_SHOWN = 10
_HELD = Q(leases__state=LeaseState.HELD)


def _page(request: HttpRequest, rows: QuerySet[Any]) -> Page[Any]:
    return Paginator(rows, PAGE_ROWS).get_page(request.GET.get("page"))


@require_safe
@operator_page
def tenants(request: HttpRequest) -> HttpResponse:
    wanted = request.GET.get("q", "").strip()
    page = _page(request, _tenants(wanted))
    span = find_range("month", now=datetime.now(UTC))
    rollups = UsageRollup.objects.between(span.start, span.end)
    totals = list(rollups.totals("tenant_id", "price_version_id"))
    amounts = amounts_of_totals(totals, "tenant_id")
    for tenant in page:
        mine = [row for row in totals if row["tenant_id"] == tenant.pk]
        tenant.figures = figures(mine)
        tenant.amount_nanos = amounts.get(tenant.pk, 0)
    context = {
        "page": page,
        "wanted": wanted,
        "span": span,
        "figures": figures(totals),
        "amounts": _by_currency(amounts),
        "problems": BillingPeriod.objects.exclude(problem="")
        .select_related("tenant")
        .order_by("-starts_at", "pk")[:PROBLEMS_SHOWN],
    }
    return render(request, "frontend/operator_tenants.html", context)


def _by_currency(amounts: Mapping[int, int | None]) -> list[tuple[str, int | None]]:
    """`amounts` of tenants; they are not added across currencies. None: a price is not
    there.
    """
    currencies = Tenant.objects.in_bulk(amounts)
    found: dict[str, int | None] = {settings.DEFAULT_CURRENCY: 0}
    for tenant_id, amount in amounts.items():
        if tenant_id not in currencies:
            continue
        code = currencies[tenant_id].currency
        before = found.get(code, 0)
        if before is None or amount is None:
            found[code] = None
        else:
            found[code] = before + amount
    return list(found.items())


def _tenants(wanted: str) -> QuerySet[Tenant]:
    rows = Tenant.objects.order_by("name", "pk")
    if wanted:
        rows = rows.filter(
            Q(name__icontains=wanted)
            | Q(slug__icontains=wanted)
            | Q(pk__in=Tenant.objects.filter(members__user__email__icontains=wanted))
        )
    return rows.annotate(
        active_keys=Count("api_keys", filter=Q(api_keys__revoked_at=None)),
        last_call_at=Max("api_keys__last_used_at"),
    )


@require_safe
@operator_page
def tenant(request: HttpRequest, tenant_id: int) -> HttpResponse:
    found = get_object_or_404(Tenant, pk=tenant_id)
    write_amounts_in(found.currency)
    span = find_range("month", now=datetime.now(UTC))
    rollups = UsageRollup.objects.of_tenant(found.pk).between(span.start, span.end)
    totals = list(rollups.totals("price_version_id"))
    now = timezone.now()
    keys = found.api_keys.select_related("created_by").order_by("-created_at", "-pk")
    context = {
        "tenant": found,
        "span": span,
        "figures": figures(totals),
        "amount_nanos": amount_of_totals(totals),
        "members": found.members.select_related("user").order_by("pk"),
        "keys": [describe(key, now) for key in keys[:PAGE_ROWS]],
        "invoices": Invoice.objects.filter(tenant=found).order_by(
            "-period_start", "-pk"
        )[:PAGE_ROWS],
        "calls": newest_calls(found, limit=10),
    }
    return render(request, "frontend/operator_tenant.html", context)


@require_safe
@operator_page
def invoices(request: HttpRequest) -> HttpResponse:
    status = request.GET.get("status", "")
    rows = Invoice.objects.select_related("tenant").order_by("-period_start", "-pk")
    if status in set(InvoiceStatus):
        rows = rows.filter(status=status)
    context = {
        "page": _page(request, rows),
        "status": status,
        "statuses": [state.value for state in InvoiceStatus],
        "blocked_count": IssueBlock.objects.count(),
    }
    return render(request, "frontend/operator_invoices.html", context)


@require_safe
@operator_page
def invoice(request: HttpRequest, invoice_id: int) -> HttpResponse:
    rows = Invoice.objects.select_related("tenant")
    found = get_object_or_404(rows, pk=invoice_id)
    write_amounts_in(found.currency)
    context = {**invoice_context(found, now=timezone.now()), "is_operator": True}
    context["acts"] = acts_of(found)
    return render(request, "frontend/invoice.html", context)


@require_safe
@operator_page
def engines(request: HttpRequest) -> HttpResponse:
    context = {
        "engines": Engine.objects.select_related("served_model")
        .annotate(
            held_leases=Count("leases", filter=_HELD),
            held_tokens=Sum("leases__tokens", filter=_HELD, default=0),
            held_bytes=Sum("leases__bytes", filter=_HELD, default=0),
        )
        .order_by("name"),
        "memory": read_kv_memory(),
        "progress": read_progress(settings.ENGINE_PROGRESS_FILE),
    }
    return render(request, "frontend/operator_engines.html", context)
