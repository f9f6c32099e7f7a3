"""The tenant's name, who belongs to it, and how its projects lease conversations."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from billing.models.taxes import TaxProfile
from frontend.access import Access, tenant_page
from frontend.forms import NameForm
from frontend.retention_form import RetentionForm, initial_of
from tenants.errors import TenantsError
from tenants.models import Project, Tenant
from tenants.services.set_retention import set_retention


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
        "projects": access.tenant.projects.order_by("name", "pk"),
        "profile": TaxProfile.objects.filter(tenant=access.tenant).first(),
        "members": access.tenant.members.select_related("user").order_by("pk"),
    }
    status = 422 if form.errors else 200
    return render(request, "frontend/settings.html", context, status=status)


@require_http_methods(["GET", "POST"])
@tenant_page
def retention(request: HttpRequest, access: Access, project_id: int) -> HttpResponse:
    """Of owners alone, since leases cost money."""
    project = get_object_or_404(Project, pk=project_id, tenant=access.tenant)
    if not access.is_owner:
        raise PermissionDenied
    form = RetentionForm(request.POST or None, initial=initial_of(project.retention))
    if request.method == "POST" and form.is_valid():
        try:
            set_retention(
                project_id=project.pk,
                tenant_id=access.tenant.pk,
                retention=form.retention,
            )
        except TenantsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Saved. It holds within a second or two.")
            return redirect("frontend:settings")
    status = 422 if form.errors else 200
    context = {"form": form, "project": project}
    return render(request, "frontend/retention.html", context, status=status)
