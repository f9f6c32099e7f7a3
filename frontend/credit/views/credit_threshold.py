"""At what is left of their credit owners are told."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from billing.models.event_cursors import CreditThreshold
from billing.services.alerts.set_credit_threshold import set_credit_threshold
from frontend.access import Access, tenant_page_for
from frontend.currency import with_currency
from frontend.lazy import lazy as _
from tenants.domain.roles import Permission
from tenants.money_field import MoneyField


class CreditThresholdForm(forms.Form):
    amount_nanos = MoneyField(
        label=with_currency(_("Amount")),
        required=False,
        help_text=_("Empty: at 20 and 5 % of the last grant alone."),
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.PAY)
def credit_threshold(request: HttpRequest, access: Access) -> HttpResponse:
    own = CreditThreshold.objects.filter(tenant=access.tenant).first()
    form = CreditThresholdForm(
        request.POST if request.method == "POST" else None,
        initial={"amount_nanos": own.amount_nanos if own else None},
    )
    if form.is_valid():
        set_credit_threshold(access.tenant, form.cleaned_data["amount_nanos"])
        messages.success(request, gettext("Saved."))
        return redirect("frontend:limits")
    status = 422 if form.errors else 200
    return render(
        request, "frontend/credit/credit_threshold.html", {"form": form}, status=status
    )
