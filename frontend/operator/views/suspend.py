"""Staff suspend a tenant, by its name typed and with a reason, and lift that again."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from billing.services.suspension.lift_and_tell import lift_and_tell
from billing.services.suspension.suspend_and_tell import suspend_and_tell
from frontend.access import operator_page
from frontend.confirm_form import TypedNameForm, posted, render_form
from tenants.models import Tenant
from tenants.services.send_suspension_mail import send_suspension_mail
from tenants.services.suspend_tenant import REASON_CHARACTERS_MAX


class SuspendForm(TypedNameForm):
    reason = forms.CharField(
        max_length=REASON_CHARACTERS_MAX,
        label=_("Why"),
        help_text=_("Its owners read it in a mail, and its members on every page."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    field_order = ("reason", "name")


@require_http_methods(["GET", "POST"])
@operator_page
def suspend(request: HttpRequest, tenant_id: int) -> HttpResponse:
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    form = SuspendForm(tenant.name, *posted(request))
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        if suspend_and_tell(tenant_id=tenant_id, reason=reason, now=timezone.now()):
            _tell(request, tenant, gettext("Suspended: its calls are refused."))
        return redirect("frontend:operator_tenant", tenant_id)
    context = {"form": form, "tenant": tenant}
    return render_form(request, "frontend/operator/suspend.html", context)


@require_POST
@operator_page
def lift(request: HttpRequest, tenant_id: int) -> HttpResponse:
    tenant = get_object_or_404(Tenant, pk=tenant_id)
    if lift_and_tell(tenant_id=tenant_id, now=timezone.now()):
        _tell(request, tenant, gettext("Lifted: its calls are answered again."))
    return redirect("frontend:operator_tenant", tenant_id)


def _tell(request: HttpRequest, tenant: Tenant, done: str) -> None:
    tenant.refresh_from_db()
    if send_suspension_mail(tenant):
        told = gettext("Its owners were mailed.")
        messages.success(request, f"{done} {told}")
    else:
        told = gettext("No owner could be mailed.")
        messages.warning(request, f"{done} {told}")
