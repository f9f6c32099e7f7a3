"""The first page: how to make the first call, then how the month goes."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.domain.invoice import InvoiceStatus
from billing.models.invoices import Invoice
from frontend.access import Access, tenant_page
from frontend.calls import newest_calls
from frontend.engine_note import engine_note
from frontend.forms import ApiKeyForm
from frontend.parts import wants_part
from frontend.ranges import find_range
from frontend.usage import figures
from metering.models import UsageRollup
from tenants.models import ApiKey

CALLS_SHOWN = 5


@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponseBase:
    """Strangers see what this is; everybody else works."""
    if not (request.user.is_authenticated or wants_part(request)):
        return render(request, "frontend/landing.html")
    return overview(request)


@tenant_page
def overview(request: HttpRequest, access: Access) -> HttpResponse:
    if wants_part(request):
        return render(request, "frontend/overview_live.html", _month(access))
    newest_key = (
        ApiKey.objects.filter(
            tenant=access.tenant, revoked_at=None, is_of_playground=False
        )
        .order_by("-created_at", "-pk")
        .first()
    )
    context = {
        **_month(access),
        **engine_note(),
        "newest_key": newest_key,
        "form": ApiKeyForm(initial={"name": "First key"}),
    }
    return render(request, "frontend/overview.html", context)


def _month(access: Access) -> dict[str, Any]:
    span = find_range("month", now=datetime.now(UTC))
    rollups = UsageRollup.objects.of_tenant(access.tenant.pk)
    return {
        "span": span,
        "figures": figures(rollups.between(span.start, span.end).totals()),
        "draft": Invoice.objects.filter(
            tenant=access.tenant, status=InvoiceStatus.DRAFT, period_start=span.start
        ).first(),
        "calls": newest_calls(access.tenant, limit=CALLS_SHOWN),
    }
