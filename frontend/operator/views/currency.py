"""The currency of a tenant that was opened in another one by mistake."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from billing.errors import BillingError
from billing.services.prices.change_currency import change_currency
from frontend.access import check_may_set, operator_page
from tenants.domain.currency import CURRENCIES
from tenants.models import Tenant

_INVALID = 422


class CurrencyForm(forms.Form):
    currency = forms.ChoiceField(choices=[(code, code) for code in CURRENCIES])


@require_http_methods(["GET", "POST"])
@operator_page
def tenant_currency(request: HttpRequest, tenant_id: int) -> HttpResponse:
    check_may_set(request)
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    form = CurrencyForm(
        request.POST if request.method == "POST" else None,
        initial={"currency": tenant.currency},
    )
    if form.is_valid() and _is_changed(form, tenant):
        messages.success(request, gettext("Saved."))
        return redirect("frontend:operator_tenant", tenant.pk)
    context = {"tenant": tenant, "form": form}
    status = _INVALID if form.errors else 200
    return render(
        request, "frontend/operator/tenant_currency.html", context, status=status
    )


def _is_changed(form: CurrencyForm, tenant: Tenant) -> bool:
    code = form.cleaned_data["currency"]
    try:
        change_currency(tenant_id=tenant.pk, currency=code, now=timezone.now())
    except BillingError as error:
        form.add_error(None, str(error))
        return False
    return True
