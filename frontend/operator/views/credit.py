"""The operator's view of a tenant's credit: give some, take back what is not used."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from billing.domain.credit import CreditKind
from billing.errors import BillingError
from billing.models.credit import CreditGrant
from billing.services.credit.grant_credit import grant_credit
from billing.services.credit.withdraw_credit import unused_of, withdraw_credit
from frontend.access import operator_page
from frontend.credit.credit_forms import GrantForm, WithdrawForm
from frontend.credit.credit_page import read_credit_page
from frontend.currency import write_amounts_in
from tenants.models import Tenant

_INVALID = 422


def _check_may_grant(request: HttpRequest) -> None:
    """As with prices: staff may look, and only superusers decide over money."""
    if not getattr(request.user, "is_superuser", False):
        raise PermissionDenied


@require_http_methods(["GET", "POST"])
@operator_page
def tenant_credit(request: HttpRequest, tenant_id: int) -> HttpResponse:
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    write_amounts_in(tenant.currency)
    form = GrantForm()
    if request.method == "POST":
        _check_may_grant(request)
        form = GrantForm(request.POST)
        if form.is_valid() and _is_granted(form, tenant):
            messages.success(request, gettext("The credit is granted."))
            return redirect("frontend:operator_credit", tenant_id)
    context = {
        "tenant": tenant,
        "form": form,
        "credit": read_credit_page(tenant, request.GET, now=timezone.now()),
        "is_operator": True,
    }
    status = _INVALID if form.errors else 200
    return render(
        request, "frontend/operator/tenant_credit.html", context, status=status
    )


def _is_granted(form: GrantForm, tenant: Tenant) -> bool:
    values = form.cleaned_data
    try:
        grant_credit(
            tenant=tenant,
            amount_nanos=values["amount_nanos"],
            reason=values["reason"],
            idempotency_key=f"form:{values['form_id']}",
            now=timezone.now(),
            kind=CreditKind(values["kind"]),
            priority=values["priority"],
            expires_at=form.expires_at,
        )
    except BillingError as error:
        form.add_error(None, str(error))
        return False
    return True


@require_http_methods(["GET", "POST"])
@operator_page
def withdraw(request: HttpRequest, grant_id: int) -> HttpResponse:
    grant = get_object_or_404(CreditGrant.objects.select_related("tenant"), pk=grant_id)
    now = timezone.now()
    write_amounts_in(grant.tenant.currency)
    form = WithdrawForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        _check_may_grant(request)
        if form.is_valid() and _is_withdrawn(form, grant):
            messages.success(request, gettext("The credit is withdrawn."))
            return redirect("frontend:operator_credit", grant.tenant_id)
    context = {"form": form, "grant": grant, "unused": unused_of(grant, now=now)}
    status = _INVALID if form.errors else 200
    return render(
        request, "frontend/credit/withdraw_credit.html", context, status=status
    )


def _is_withdrawn(form: WithdrawForm, grant: CreditGrant) -> bool:
    values = form.cleaned_data
    try:
        withdraw_credit(
            grant=grant,
            amount_nanos=values["amount_nanos"],
            reason=values["reason"],
            idempotency_key=f"form:{values['form_id']}",
            now=timezone.now(),
        )
    except BillingError as error:
        form.add_error(None, str(error))
        return False
    return True
