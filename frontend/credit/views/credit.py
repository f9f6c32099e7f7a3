"""Credit: what is left, where it went, and buying more."""

from django.conf import settings
from django.contrib import messages
from django.forms import Form, model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from billing.domain.recharge import RechargeTerms
from billing.errors import BillingError
from billing.models.auto_recharge import AutoRecharge
from billing.models.payments import Payment
from billing.services.credit.set_auto_recharge import set_auto_recharge
from billing.services.payments.collect_invoice import default_card
from billing.services.payments.open_payment_page import open_payment_page
from billing.services.payments.start_payment import OPEN, start_payment
from billing.stripe_sync.client import is_on
from frontend.access import Access, tenant_page, tenant_page_for
from frontend.credit.credit_forms import AutoRechargeForm, TopUpForm
from frontend.credit.credit_page import read_credit_page
from frontend.credit.credit_tax import read_credit_tax
from tenants.domain.roles import Permission
from tenants.row_security import across_tenants

_INVALID = 422


@require_safe
@never_cache
@tenant_page
def credit(request: HttpRequest, access: Access) -> HttpResponse:
    tenant = access.tenant
    open_top_ups = Payment.objects.filter(
        tenant=tenant, invoice=None, status__in=OPEN
    ).order_by("-pk")
    context = {
        "credit": read_credit_page(tenant, request.GET, now=timezone.now()),
        "recharge": AutoRecharge.objects.filter(tenant=tenant, is_enabled=True).first(),
        "top_ups": open_top_ups,
        "has_cards": is_on(),
    }
    return render(request, "frontend/credit/credit.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@tenant_page_for(Permission.PAY)
def top_up(request: HttpRequest, access: Access) -> HttpResponse:
    form = TopUpForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and _begun(form, access):
        messages.success(request, gettext("The payment has begun."))
        return redirect("frontend:credit")
    context = {
        "form": form,
        "has_cards": is_on(),
        "card": default_card(access.tenant.pk),
        "tax": read_credit_tax(access.tenant, now=timezone.now()),
    }
    return render(request, "frontend/credit/top_up.html", context, status=_status(form))


def _status(form: Form) -> int:
    return _INVALID if form.errors else 200


def _begun(form: TopUpForm, access: Access) -> bool:
    try:
        start_payment(
            tenant=access.tenant,
            amount_cents=form.cleaned_data["amount_cents"],
            invoice=None,
            method=default_card(access.tenant.pk),
            idempotency_key=f"top-up-{access.user.pk}-{form.cleaned_data['form_id']}",
            now=timezone.now(),
        )
    except BillingError as error:
        form.add_error(None, str(error))
        return False
    return True


@require_safe
@never_cache
@tenant_page_for(Permission.PAY)
def pay_top_up(request: HttpRequest, access: Access, payment_id: int) -> HttpResponse:
    """To the page of the provider on which a card is typed. A link and no form: a form
    may not lead away from here.
    """
    found = get_object_or_404(
        Payment, pk=payment_id, tenant=access.tenant, invoice=None, method=None
    )
    back = f"{settings.PORTAL_URL}{reverse('frontend:credit')}"
    try:
        with across_tenants():  # it writes, though it is a link
            page = open_payment_page(
                found.pk, done_url=back, back_url=back, now=timezone.now()
            )
    except BillingError as error:
        messages.error(request, str(error))
        return redirect("frontend:credit")
    return redirect(page)


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.PAY)
def auto_recharge(request: HttpRequest, access: Access) -> HttpResponse:
    if request.method == "POST":
        form = AutoRechargeForm(request.POST)
        if form.is_valid() and _is_set(form, access):
            messages.success(
                request, gettext("Credit is bought by itself from now on.")
            )
            return redirect("frontend:credit")
    else:
        present = AutoRecharge.objects.filter(tenant=access.tenant).first()
        form = AutoRechargeForm(initial=model_to_dict(present) if present else None)
    context = {
        "form": form,
        "card": default_card(access.tenant.pk),
        "tax": read_credit_tax(access.tenant, now=timezone.now()),
    }
    return render(
        request, "frontend/credit/auto_recharge.html", context, status=_status(form)
    )


def _is_set(form: AutoRechargeForm, access: Access) -> bool:
    try:
        set_auto_recharge(access.tenant, RechargeTerms(**form.cleaned_data))
    except BillingError as error:
        form.add_error(None, str(error))
        return False
    return True


@require_POST
@tenant_page_for(Permission.PAY)
def stop_auto_recharge(request: HttpRequest, access: Access) -> HttpResponse:
    set_auto_recharge(access.tenant, None)
    messages.success(request, gettext("Credit is no longer bought by itself."))
    return redirect("frontend:credit")
