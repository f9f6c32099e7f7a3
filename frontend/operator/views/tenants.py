"""The operator's pages of tenants: all of them, one of them, and its limits. Staff
only.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from billing.models.invoices import Invoice
from billing.models.plans import Subscription
from billing.models.rating import BillingPeriod
from billing.services.credit.credit_of import credit_of
from frontend.access import operator_page
from frontend.calls.newest_calls import newest_calls
from frontend.currency import write_amounts_in
from frontend.keys.views.api_keys import describe
from frontend.limits.limit_forms import KeyLimitsForm
from frontend.limits.limit_overview import read_overview
from frontend.operator.tenant_list import RESTRICTIONS, TenantFilterForm, read_page
from frontend.prices.amounts import amount_of_totals, amounts_of_totals
from frontend.usage.figures import figures
from frontend.usage.ranges import find_range
from metering.coarse_models import UsageDay
from tenants.errors import TenantsError
from tenants.models import Restriction, Tenant
from tenants.services.set_rate_limits import (
    LimitName,
    read_rate_limits,
    set_rate_limits,
)

PROBLEMS_SHOWN = 10
ROWS_SHOWN = 50
_INVALID = 422


@require_safe
@operator_page
def tenants(request: HttpRequest) -> HttpResponse:
    form = TenantFilterForm(request.GET, now=timezone.now())
    page = read_page(form, request.GET.get("after", ""))
    span = find_range("month", now=datetime.now(UTC))
    days = UsageDay.objects.between(span.start, span.end)
    totals = days.totals("tenant_id", "price_version_id")
    amounts = amounts_of_totals(totals, "tenant_id")
    by_tenant: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in totals:
        by_tenant[row["tenant_id"]].append(row)
    for tenant in page.tenants:
        tenant.figures = figures(by_tenant[tenant.pk])
        tenant.amount_nanos = amounts.get(tenant.pk, 0)
    context = {
        "form": form,
        "page": page,
        "is_first": not request.GET.get("after"),
        "span": span,
        "figures": figures(totals),
        "amounts": _by_currency(amounts),
        "problems": BillingPeriod.objects.exclude(problem="")
        .select_related("tenant")
        .order_by("-starts_at", "pk")[:PROBLEMS_SHOWN],
    }
    return render(request, "frontend/operator/tenants.html", context)


def _by_currency(amounts: Mapping[int, int | None]) -> list[tuple[str, int | None]]:
    """`amounts` of tenants; they are not added across currencies. None: a price is not
    there.
    """
    rows = Tenant.objects.filter(pk__in=amounts).values_list("pk", "currency")
    currencies = dict(rows)
    found: dict[str, int | None] = {settings.DEFAULT_CURRENCY: 0}
    for tenant_id, amount in amounts.items():
        if tenant_id not in currencies:
            continue
        code = currencies[tenant_id]
        before = found.get(code, 0)
        if before is None or amount is None:
            found[code] = None
        else:
            found[code] = before + amount
    return list(found.items())


@require_safe
@operator_page
def tenant(request: HttpRequest, tenant_id: int) -> HttpResponse:
    found = get_object_or_404(Tenant, pk=tenant_id)
    write_amounts_in(found.currency)
    span = find_range("month", now=datetime.now(UTC))
    days = UsageDay.objects.of_tenant(found.pk).between(span.start, span.end)
    totals = days.totals("price_version_id")
    now = timezone.now()
    keys = found.api_keys.select_related("created_by").order_by("-created_at", "-pk")
    invoices = Invoice.objects.filter(tenant=found).order_by("-period_start", "-pk")
    context = {
        "tenant": found,
        "span": span,
        "figures": figures(totals),
        "amount_nanos": amount_of_totals(totals),
        **_terms_of(found, now),
        "members": found.members.select_related("user").order_by("pk"),
        "keys": [describe(key, now) for key in keys[:ROWS_SHOWN]],
        "invoices": invoices[:ROWS_SHOWN],
        "calls": newest_calls(found, limit=10),
    }
    return render(request, "frontend/operator/tenant.html", context)


def _terms_of(tenant: Tenant, now: datetime) -> dict[str, Any]:
    """On what the tenant is served: plan, credit, restriction, limits."""
    held = Subscription.objects.held_at(now).filter(tenant=tenant)
    return {
        "subscription": held.select_related("plan").first(),
        "credit_nanos": credit_of(tenant),
        "restriction": RESTRICTIONS[Restriction(tenant.restriction)],
        "limits": read_overview(tenant, now=now),
    }


@require_http_methods(["GET", "POST"])
@operator_page
def tenant_limits(request: HttpRequest, tenant_id: int) -> HttpResponse:
    """Rate limits of the whole tenant, for all models. Those for one model stay as they
    are.
    """
    found = get_object_or_404(Tenant, pk=tenant_id)
    write_amounts_in(found.currency)
    before = read_rate_limits(found)
    of_models = {name: amount for name, amount in before.items() if name[1] is not None}
    initial = {
        kind.value: amount for (kind, model), amount in before.items() if not model
    }
    given = request.POST if request.method == "POST" else None
    form = KeyLimitsForm({}, given, initial=initial)
    if form.is_valid() and _are_set(form, found, of_models):
        messages.success(request, gettext("The limits hold within a second."))
        return redirect("frontend:operator_tenant", tenant_id)
    context = {
        "tenant": found,
        "form": form,
        "of_models": of_models,
        "limits": read_overview(found, now=timezone.now()),
    }
    status = _INVALID if form.errors else 200
    return render(
        request, "frontend/operator/tenant_limits.html", context, status=status
    )


def _are_set(
    form: KeyLimitsForm, tenant: Tenant, of_models: Mapping[LimitName, int]
) -> bool:
    wanted: dict[LimitName, int] = {
        (kind, None): amount for kind, amount in form.limits.items()
    }
    try:
        set_rate_limits(subject=tenant, limits={**of_models, **wanted})
    except TenantsError as error:
        form.add_error(None, str(error))
        return False
    return True
