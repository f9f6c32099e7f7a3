"""A tenant's plan: what it is and includes, changes with their price, coupons."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from billing.errors import BillingError
from billing.models.plans import Plan
from billing.services.plans.cancel_subscription import cancel_subscription
from billing.services.plans.change_plan import change_plan
from billing.services.plans.keep_plan import keep_plan
from billing.services.plans.preview_change import preview_change
from billing.services.plans.redeem_coupon import redeem_coupon
from billing.services.plans.start_subscription import start_subscription
from frontend.access import Access, tenant_page, tenant_page_for
from frontend.confirm_form import TypedNameForm, posted, render_form
from frontend.formatting import long_day
from frontend.plans.plan_forms import CouponCodeForm
from frontend.plans.plan_page import (
    Moment,
    held_and_planned,
    moments_of,
    read_plan,
    show,
    title_of,
)
from tenants.domain.roles import Permission

_PAGE = "frontend:plan"


@require_safe
@tenant_page
def plan(request: HttpRequest, access: Access) -> HttpResponse:
    return _page(request, access, CouponCodeForm())


def _page(
    request: HttpRequest, access: Access, form: CouponCodeForm, status: int = 200
) -> HttpResponse:
    context = {
        "overview": read_plan(access.tenant, timezone.now()),
        "form": form,
    }
    return render(request, "frontend/plans/plan.html", context, status=status)


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.PAY)
def change(request: HttpRequest, access: Access, code: str) -> HttpResponse:
    """Shows what the month would come to, and changes it where that is confirmed."""
    now = timezone.now()
    offered = Plan.objects.offered(now, currency=access.tenant.currency)
    wanted = get_object_or_404(offered, code=code)
    held, _ = held_and_planned(access.tenant, now)
    moments = moments_of(held, now)
    moment = _moment(request, moments)
    at = None if moment.name == "now" else moment.at
    if request.method == "POST":
        act = start_subscription if held is None else change_plan
        when = {"starts_at" if held is None else "at": at}
        done = _act(request, act, tenant_id=access.tenant.pk, plan=wanted, **when)
        if done is not None:
            messages.success(request, f"{wanted.name} {_since(at)}.")
        return redirect(_PAGE)
    try:
        preview = preview_change(
            tenant_id=access.tenant.pk, plan=wanted, now=now, at=at
        )
    except BillingError as error:
        messages.error(request, str(error))
        return redirect(_PAGE)
    context = {
        "preview": preview,
        "rows": [(title_of(one.charge), one) for one in preview.differences],
        "shown": show(wanted),
        "held": held,
        "moments": moments,
        "moment": moment,
    }
    return render(request, "frontend/plans/change_plan.html", context)


def _moment(request: HttpRequest, moments: list[Moment]) -> Moment:
    """The one that is asked for, else the first."""
    given = request.POST if request.method == "POST" else request.GET
    wanted = given.get("when", "")
    return next((one for one in moments if one.name == wanted), moments[0])


def _since(at: datetime | None) -> str:
    return (
        gettext("holds from now on")
        if at is None
        else gettext("begins on %(day)s") % {"day": long_day(at)}
    )


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.PAY)
def cancel(request: HttpRequest, access: Access) -> HttpResponse:
    """The month's end first, since that is what most people mean."""
    now = timezone.now()
    held, _ = held_and_planned(access.tenant, now)
    if held is None:
        return redirect(_PAGE)
    moments = moments_of(held, now)[::-1]
    form = TypedNameForm(held.plan.name, *posted(request))
    moment = _moment(request, moments)
    if not form.is_valid():
        context = {"form": form, "held": held, "moments": moments, "chosen": moment}
        return render_form(request, "frontend/plans/cancel_plan.html", context)
    at = None if moment.name == "now" else moment.at
    if _act(request, cancel_subscription, tenant_id=access.tenant.pk, at=at):
        ends = (
            gettext("has ended")
            if at is None
            else gettext("ends on %(day)s") % {"day": long_day(at)}
        )
        messages.success(request, f"{held.plan.name} {ends}.")
    return redirect(_PAGE)


@require_POST
@tenant_page_for(Permission.PAY)
def keep(request: HttpRequest, access: Access) -> HttpResponse:
    if _act(request, keep_plan, tenant_id=access.tenant.pk):
        messages.success(
            request, gettext("Nothing is planned any more: your plan stays.")
        )
    return redirect(_PAGE)


@require_POST
@tenant_page_for(Permission.PAY)
def redeem(request: HttpRequest, access: Access) -> HttpResponse:
    form = CouponCodeForm(request.POST)
    if form.is_valid():
        try:
            redemption = redeem_coupon(
                tenant_id=access.tenant.pk,
                code=form.cleaned_data["code"],
                now=timezone.now(),
            )
        except BillingError as error:
            form.add_error("code", str(error))
        else:
            messages.success(
                request,
                gettext("%(name)s is yours.") % {"name": redemption.coupon.name},
            )
            return redirect(_PAGE)
    return _page(request, access, form, status=422)


def _act(request: HttpRequest, act: Any, **arguments: Any) -> Any:
    """What the service returns; None: it refused, and the next page says why."""
    try:
        return act(**arguments, now=timezone.now())
    except BillingError as error:
        messages.error(request, str(error))
        return None
