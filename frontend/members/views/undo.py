"""The button beside a message that says what was ended."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from billing.errors import BillingError
from frontend.access import Access, tenant_page
from frontend.undo import read_undo
from tenants.errors import TenantsError


@require_POST
@tenant_page
def undo(request: HttpRequest, access: Access) -> HttpResponse:
    """By whom it was offered to, while they still may what they did."""
    found = read_undo(request.POST.get("token", ""), access)
    if found is None:
        messages.error(request, _("It is too late to undo it."))
        return redirect("frontend:overview")
    act, facts = found
    access.require(act.needs)
    try:
        messages.success(request, act.undo(access, facts))
    except (TenantsError, BillingError) as error:
        messages.error(request, str(error))
    return redirect(f"frontend:{act.page}")
