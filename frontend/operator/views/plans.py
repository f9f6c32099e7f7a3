"""The operator's plans: what is offered, a new one, who is on which."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import (
    require_http_methods,
    require_safe,
)

from billing.domain.month import Allowance
from billing.errors import BillingError
from billing.models.plans import Plan
from billing.services.plans.cancel_subscription import cancel_subscription
from billing.services.plans.change_plan import change_plan
from billing.services.plans.offer_plan import offer_plan
from billing.services.plans.start_subscription import start_subscription
from billing.services.plans.withdraw_plan import withdraw_plan
from frontend.access import check_may_set, operator_page
from frontend.confirm_form import TypedNameForm, posted, render_form
from frontend.currency import amounts_in
from frontend.lazy import lazy as _
from frontend.plans.plan_forms import PlanForm, PlanOfTenantForm
from frontend.plans.plan_page import ShownPlan, held_and_planned, moments_of, show
from frontend.tables import Rules, read_table
from tenants.models import Tenant

_INVALID = 422
_MOMENTS = {
    "now": _("Now"),
    "month": _("When the month ends"),
    "commitment": _("When the commitment ends"),
}
_FOR_EVER = datetime.max.replace(tzinfo=UTC)
_PLANS = Rules(
    sorts={
        "name": Lower("name"),
        "price": "price_cents",
        "tenants": "tenants",
        "state": Coalesce("withdrawn_at", Value(_FOR_EVER)),
    },
    default="-state",
    search=("name", "code"),
)
"""What can still be taken is first, the newest before the others."""


@require_safe
@operator_page
def plans(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    table = read_table(request.GET, _plans(now), _PLANS)
    context = {"table": table, "plans": [(_shown(plan), plan) for plan in table.rows]}
    return render(request, "frontend/operator/plans.html", context)


def _shown(plan: Plan) -> ShownPlan:
    with amounts_in(plan.currency):
        return show(plan)


def _plans(now: datetime) -> QuerySet[Plan]:
    is_held = Q(subscriptions__ends_at__isnull=True) | Q(subscriptions__ends_at__gt=now)
    return (
        Plan.objects.annotate(
            tenants=Count(
                "subscriptions", filter=is_held & Q(subscriptions__starts_at__lte=now)
            )
        )
        .select_related("price_book")
        .prefetch_related("allowances")
    )


@require_http_methods(["GET", "POST"])
@operator_page
def create(request: HttpRequest) -> HttpResponse:
    """Empty, or with the terms of the plan that `copy` names."""
    check_may_set(request)
    if request.method != "POST":
        return _form_page(request, PlanForm(initial=_copied(request)))
    form = PlanForm(request.POST)
    if form.is_valid():
        allowances = form.cleaned_data["allowances"]
        try:
            made = offer_plan(form.instance, allowances, now=timezone.now())
        except BillingError as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, gettext("%(name)s is offered.") % {"name": made.name}
            )
            return redirect("frontend:operator_plans")
    return _form_page(request, form)


def _form_page(request: HttpRequest, form: PlanForm) -> HttpResponse:
    status = _INVALID if form.errors else 200
    context = {"form": form}
    return render(request, "frontend/operator/create_plan.html", context, status=status)


def _copied(request: HttpRequest) -> dict[str, Any]:
    wanted = request.GET.get("copy", "")
    plan = Plan.objects.filter(pk=wanted).first() if wanted.isdecimal() else None
    if plan is None:
        return {}
    terms = {
        name: getattr(plan, name) for name in PlanForm.Meta.fields if name != "code"
    }
    allowances = [
        Allowance(model=one.model, meter=one.meter, quantity=one.quantity)
        for one in plan.allowances.order_by("pk")
    ]
    return {**terms, "allowances": allowances}


@require_http_methods(["GET", "POST"])
@operator_page
def withdraw(request: HttpRequest, plan_id: int) -> HttpResponse:
    check_may_set(request)
    found = get_object_or_404(Plan, pk=plan_id)
    form = TypedNameForm(found.code, *posted(request), label=gettext("Type its code"))
    if not form.is_valid():
        context = {
            "form": form,
            "title": gettext("Withdraw %s?") % found.name,
            "explanation": gettext(
                "Nobody is put on it any more, and it does not come back. Who is on it"
                " stays on it."
            ),
            "button": gettext("Withdraw the plan"),
            "back_url": reverse("frontend:operator_plans"),
        }
        return render_form(request, "frontend/typed_confirm.html", context)
    plan = withdraw_plan(plan_id, now=timezone.now())
    messages.success(
        request,
        gettext("%(name)s is withdrawn. Who is on it stays on it.")
        % {"name": plan.name},
    )
    return redirect("frontend:operator_plans")


@require_http_methods(["GET", "POST"])
@operator_page
def plan_of_tenant(request: HttpRequest, tenant_id: int) -> HttpResponse:
    """Also a plan that tenants cannot choose themselves, or none."""
    check_may_set(request)
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    now = timezone.now()
    held, planned = held_and_planned(tenant, now)
    moments = {one.name: one.at for one in moments_of(held, now)}
    form = PlanOfTenantForm(
        request.POST if request.method == "POST" else None,
        plans=Plan.objects.current(now)
        .filter(currency=tenant.currency)
        .order_by("name", "pk"),
        moments=[(name, _MOMENTS[name]) for name in moments],
        initial={"plan": held.plan_id if held else None},
    )
    if request.method == "POST" and form.is_valid():
        when = form.cleaned_data["when"]
        at = None if when == "now" else moments[when]
        try:
            _put(tenant, form.cleaned_data["plan"], at, is_on_one=held is not None)
        except BillingError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, gettext("Saved."))
            return redirect("frontend:operator_tenant", tenant.pk)
    context = {
        "tenant": tenant,
        "held": held,
        "planned": planned,
        "form": form,
    }
    status = _INVALID if form.errors else 200
    return render(request, "frontend/operator/tenant_plan.html", context, status=status)


def _put(
    tenant: Tenant, plan: Plan | None, at: datetime | None, *, is_on_one: bool
) -> None:
    now = timezone.now()
    if plan is None:
        cancel_subscription(tenant_id=tenant.pk, at=at, now=now)
    elif is_on_one:
        change_plan(tenant_id=tenant.pk, plan=plan, at=at, now=now)
    else:
        start_subscription(tenant_id=tenant.pk, plan=plan, starts_at=at, now=now)
