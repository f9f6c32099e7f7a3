"""Limits and spend: what is in force, what is used of it, and owners' changes."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from frontend.access import Access, tenant_page, tenant_page_for
from frontend.keys.views.api_keys import find_api_key
from frontend.lazy import lazy as _
from frontend.limits.limit_forms import (
    BudgetForm,
    KeyLimitsForm,
    SpendLimitForm,
    SubjectForm,
    subjects_of,
)
from frontend.limits.limit_overview import read_overview, subject_name
from frontend.live import live_page
from frontend.parts import wants_part
from frontend.undo import offer_undo
from tenants.domain.roles import Permission
from tenants.errors import TenantsError
from tenants.models import Budget, SpendLimit
from tenants.services.remove_budget import remove_budget
from tenants.services.remove_spend_limit import remove_spend_limit
from tenants.services.set_budget import set_budget
from tenants.services.set_rate_limits import (
    LimitName,
    read_rate_limits,
    set_rate_limits,
)
from tenants.services.set_spend_limit import set_spend_limit
from tenants.services.subject import columns_of

_CHANGED = _("Saved. It holds within a second or two.")


@require_safe
@never_cache
@live_page(every_seconds=3)
@tenant_page
def limits(request: HttpRequest, access: Access) -> HttpResponse:
    tenant = access.tenant
    overview = read_overview(tenant, now=datetime.now(UTC))
    part = "limits_live" if wants_part(request) else "limits"
    context = {"overview": overview, "tenant": tenant}
    return render(request, f"frontend/limits/{part}.html", context)


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.LIMIT)
def spend_limit(request: HttpRequest, access: Access) -> HttpResponse:
    if request.method == "GET":
        form = SpendLimitForm(
            access.tenant, initial=_initial(request, access, SpendLimit)
        )
        return _form_page(request, form, "spend_limit")
    form = SpendLimitForm(access.tenant, request.POST)
    if form.is_valid():
        set_spend_limit(**form.cleaned_data)
        return _done(request, _CHANGED)
    return _form_page(request, form, "spend_limit")


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.PAY)
def budget(request: HttpRequest, access: Access) -> HttpResponse:
    if request.method == "GET":
        form = BudgetForm(access.tenant, initial=_initial(request, access, Budget))
        return _form_page(request, form, "budget")
    form = BudgetForm(access.tenant, request.POST)
    if form.is_valid():
        set_budget(**form.cleaned_data)
        told = gettext("Saved. Owners and billing members are mailed of it.")
        return _done(request, told, page="frontend:budgets")
    return _form_page(request, form, "budget")


def _initial(request: HttpRequest, access: Access, model: Any) -> dict[str, Any]:
    """What the address names, with what is set for it already."""
    wanted, period = request.GET.get("subject", ""), request.GET.get("period", "")
    if wanted not in subjects_of(access.tenant, named=wanted):
        return {}
    initial: dict[str, Any] = {"subject": wanted}
    for row in model.objects.filter(tenant=access.tenant, period=period):
        if subject_name(row) == wanted:
            initial |= {"period": period, "amount_nanos": row.amount_nanos}
            if isinstance(row, Budget):
                initial["thresholds_percent"] = row.thresholds_percent
    return initial


def _form_page(request: HttpRequest, form: SubjectForm, name: str) -> HttpResponse:
    status = 422 if form.errors else 200
    return render(
        request, f"frontend/limits/{name}.html", {"form": form}, status=status
    )


def _done(
    request: HttpRequest, text: str, *, page: str = "frontend:limits"
) -> HttpResponse:
    messages.success(request, text)
    return redirect(page)


@require_http_methods(["POST"])
@tenant_page_for(Permission.LIMIT)
def remove_limit(request: HttpRequest, access: Access) -> HttpResponse:
    """Of a spend limit; what is gone already is gone."""
    form = SubjectForm(access.tenant, request.POST)
    if form.is_valid() and (row := _row(access, SpendLimit, form)):
        remove_spend_limit(**form.cleaned_data)
        told = _("The spend limit is gone.")
        facts = {**_facts(form), "amount_nanos": row.amount_nanos}
        offer_undo(request, access, told, act="spend_limit", **facts)
    return redirect("frontend:limits")


def _row(access: Access, model: Any, form: SubjectForm) -> Any:
    columns = columns_of(form.cleaned_data["subject"])
    period = form.cleaned_data["period"]
    return model.objects.filter(**columns, tenant=access.tenant, period=period).first()


def _facts(form: SubjectForm) -> dict[str, Any]:
    return {"subject": form.data["subject"], "period": form.data["period"]}


@require_http_methods(["POST"])
@tenant_page_for(Permission.PAY)
def remove_budget_of(request: HttpRequest, access: Access) -> HttpResponse:
    form = SubjectForm(access.tenant, request.POST)
    if form.is_valid() and (row := _row(access, Budget, form)):
        remove_budget(**form.cleaned_data)
        told = _("The budget is gone.")
        values = {
            "amount_nanos": row.amount_nanos,
            "thresholds_percent": row.thresholds_percent,
        }
        facts = {**_facts(form), **values}
        offer_undo(request, access, told, act="budget", **facts)
    return redirect("frontend:budgets")


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.LIMIT)
def key_limits(request: HttpRequest, access: Access, api_key_id: int) -> HttpResponse:
    """Rate limits of one key, for all models. Those for one model stay as they are."""
    found = find_api_key(access, api_key_id)
    before = read_rate_limits(found)
    of_models = {name: amount for name, amount in before.items() if name[1] is not None}
    initial = {
        kind.value: amount for (kind, model), amount in before.items() if not model
    }
    form = KeyLimitsForm(
        read_rate_limits(access.tenant),
        request.POST if request.method == "POST" else None,
        initial=initial,
    )
    if request.method == "POST" and form.is_valid():
        wanted: dict[LimitName, int] = {
            (kind, None): amount for kind, amount in form.limits.items()
        }
        try:
            set_rate_limits(subject=found, limits={**of_models, **wanted})
        except TenantsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _CHANGED)
            return redirect("frontend:api_key", found.pk)
    context = {"form": form, "api_key": found, "of_models": of_models}
    status = 422 if form.errors else 200
    return render(request, "frontend/keys/key_limits.html", context, status=status)
