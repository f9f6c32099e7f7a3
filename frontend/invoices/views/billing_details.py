"""What invoices say of a tenant; of owners alone, since tax follows from it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from billing.errors import InvalidVatIdError
from billing.models.taxes import TaxProfile
from billing.services.taxes.set_billing_details import set_billing_details
from frontend.access import Access, tenant_page_for
from frontend.invoices.billing_details_form import BillingDetailsForm, initial_of
from tenants.domain.roles import Permission


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.PAY)
def billing_details(request: HttpRequest, access: Access) -> HttpResponse:
    profile = TaxProfile.objects.filter(tenant=access.tenant).first()
    initial = initial_of(profile, name=access.tenant.name)
    form = BillingDetailsForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            set_billing_details(access.tenant, form.details)
        except InvalidVatIdError as error:
            form.add_error("vat_id", str(error))
        else:
            messages.success(request, gettext("Saved. The next invoice says so."))
            return redirect("frontend:settings")
    status = 422 if form.errors else 200
    context = {"form": form}
    return render(
        request, "frontend/invoices/billing_details.html", context, status=status
    )
