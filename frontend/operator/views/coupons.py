"""The operator's coupons: which there are, who redeemed them, a new one."""

from django.contrib import messages
from django.db.models import Count
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import (
    require_http_methods,
    require_safe,
)

from billing.errors import BillingError
from billing.models.plans import Coupon
from billing.services.plans.end_coupon import end_coupon
from billing.services.plans.offer_coupon import offer_coupon
from frontend.access import check_may_set, operator_page
from frontend.confirm_form import TypedNameForm, posted, render_form
from frontend.plans.plan_forms import CouponForm
from frontend.tables import Rules, read_table

_COUPONS = Rules(
    sorts={"made": "created_at", "code": "code", "redeemed": "redeemed"},
    default="-made",
    search=("code", "name"),
)
_REDEMPTIONS = Rules(
    sorts={"redeemed": "redeemed_at", "tenant": Lower("tenant__name")},
    default="-redeemed",
    search=("tenant__name",),
)


@require_safe
@operator_page
def coupons(request: HttpRequest) -> HttpResponse:
    rows = Coupon.objects.annotate(redeemed=Count("redemptions"))
    table = read_table(request.GET, rows, _COUPONS)
    context = {"table": table, "coupons": table.rows, "now": timezone.now()}
    return render(request, "frontend/operator/coupons.html", context)


@require_safe
@operator_page
def coupon(request: HttpRequest, coupon_id: int) -> HttpResponse:
    found = get_object_or_404(Coupon, pk=coupon_id)
    rows = found.redemptions.select_related("tenant")
    context = {
        "coupon": found,
        "table": read_table(request.GET, rows, _REDEMPTIONS),
        "count": rows.count(),
    }
    return render(request, "frontend/operator/coupon.html", context)


@require_http_methods(["GET", "POST"])
@operator_page
def create(request: HttpRequest) -> HttpResponse:
    check_may_set(request)
    form = CouponForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            made = offer_coupon(form.instance, now=timezone.now())
        except BillingError as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, gettext("%(code)s can be redeemed.") % {"code": made.code}
            )
            return redirect("frontend:operator_coupons")
    status = 422 if form.errors else 200
    context = {"form": form}
    return render(
        request, "frontend/operator/create_coupon.html", context, status=status
    )


@require_http_methods(["GET", "POST"])
@operator_page
def end(request: HttpRequest, coupon_id: int) -> HttpResponse:
    check_may_set(request)
    found = get_object_or_404(Coupon, pk=coupon_id)
    form = TypedNameForm(found.code, *posted(request), label=gettext("Type its code"))
    if not form.is_valid():
        context = {
            "form": form,
            "title": gettext("End %s?") % found.code,
            "explanation": gettext(
                "Nobody can redeem it any more, and it does not come back. Who redeemed"
                " it keeps what it takes off."
            ),
            "button": gettext("End the coupon"),
            "back_url": reverse("frontend:operator_coupons"),
        }
        return render_form(request, "frontend/typed_confirm.html", context)
    ended = end_coupon(coupon_id, now=timezone.now())
    messages.success(
        request,
        gettext("%(code)s has ended. Who redeemed it keeps what it takes off.")
        % {"code": ended.code},
    )
    return redirect("frontend:operator_coupons")
