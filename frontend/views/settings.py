"""The tenant's name and who belongs to it."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from frontend.access import Access, tenant_page
from frontend.forms import NameForm
from tenants.models import Tenant


@require_http_methods(["GET", "POST"])
@tenant_page
def settings(request: HttpRequest, access: Access) -> HttpResponse:
    """Everybody of the tenant sees it; its owners change it."""
    form = NameForm(initial={"name": access.tenant.name})
    if request.method == "POST":
        if not access.is_owner:
            raise PermissionDenied
        form = NameForm(request.POST)
        if form.is_valid():
            name = form.cleaned_data["name"]
            Tenant.objects.filter(pk=access.tenant.pk).update(name=name)
            messages.success(request, "Saved.")
            return redirect("frontend:settings")
    context = {
        "form": form,
        "members": access.tenant.members.select_related("user").order_by("pk"),
    }
    status = 422 if form.errors else 200
    return render(request, "frontend/settings.html", context, status=status)
