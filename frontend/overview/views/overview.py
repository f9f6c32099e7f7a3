"""The first page: how to make the first call, then how the month goes."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from billing.domain.invoice import InvoiceStatus
from billing.models.invoices import Invoice
from billing.services.spend.read_spend import read_spend
from frontend.access import Access, tenant_page
from frontend.calls.newest_calls import newest_calls
from frontend.engine_note import engine_note
from frontend.invoices.invoice_list import with_due
from frontend.keys.api_key_form import ApiKeyForm
from frontend.live import live_page
from frontend.overview.attention import count_things, find_notices, find_set_up
from frontend.overview.overview_month import read_health, read_month
from frontend.parts import wants_part
from frontend.plans.forecast_page import read_forecast
from tenants.models import ApiKey

CALLS_SHOWN = 5
INVOICES_SHOWN = 3


@require_safe
@never_cache
@live_page(every_seconds=3)
def home(request: HttpRequest) -> HttpResponseBase:
    """Strangers see what this is; everybody else works."""
    if not (request.user.is_authenticated or wants_part(request)):
        return render(request, "frontend/overview/landing.html")
    return overview(request)


@tenant_page
def overview(request: HttpRequest, access: Access) -> HttpResponse:
    now = datetime.now(UTC)
    context = _live(access, now)
    if wants_part(request):
        context["is_part"] = True
        return render(request, "frontend/overview/overview_live.html", context)
    if not context["calls"]:
        context |= _first_steps(access)
    else:
        things = count_things(access.tenant, now=now)
        context |= {
            "notices": find_notices(things, now=now),
            "set_up": find_set_up(access, things, now=now),
            "forecast": read_forecast(access.tenant, now=now),
            "invoices": _latest_invoices(access, now),
        }
    return render(request, "frontend/overview/overview.html", context | engine_note())


def _first_steps(access: Access) -> dict[str, Any]:
    keys = ApiKey.objects.filter(
        tenant=access.tenant, revoked_at=None, is_of_playground=False
    )
    return {
        "newest_key": keys.order_by("-created_at", "-pk").first(),
        "form": ApiKeyForm(access, initial={"name": gettext("First key")}),
    }


def _live(access: Access, now: datetime) -> dict[str, Any]:
    """What the page asks for again and again."""
    tenant = access.tenant
    month = read_month(tenant.pk, now=now)
    spend = read_spend(tenant.pk, [], now=now) if tenant.is_prepaid else None
    return {
        "month": month,
        "figures": month.figures,
        "health": read_health(tenant.pk),
        "credit_left": spend.credit_left if spend else None,
        "draft": Invoice.objects.filter(
            tenant=tenant, status=InvoiceStatus.DRAFT, period_start=month.start
        ).first(),
        "calls": newest_calls(tenant, limit=CALLS_SHOWN),
    }


def _latest_invoices(access: Access, now: datetime) -> list[Any]:
    mine = Invoice.objects.filter(tenant=access.tenant)
    issued = with_due(mine.exclude(status=InvoiceStatus.DRAFT), now=now)
    return list(issued.order_by("-period_start", "-pk")[:INVOICES_SHOWN])
