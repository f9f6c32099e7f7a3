"""The tenant's name, who belongs to it, and how its projects lease conversations."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from billing.models.taxes import TaxProfile
from frontend.access import Access, tenant_page, tenant_page_for
from frontend.forms import NameForm
from frontend.leases.retention_form import RetentionForm, initial_of
from tenants.domain.roles import Permission
from tenants.errors import TenantsError
from tenants.models import Project
from tenants.services.list_members_of_user import TENANT_KEY
from tenants.services.rename_tenant import rename_tenant
from tenants.services.set_retention import set_retention


@require_http_methods(["GET", "POST"])
@tenant_page
def settings(request: HttpRequest, access: Access) -> HttpResponse:
    """Everybody of the tenant sees it."""
    form = NameForm(initial={"name": access.tenant.name})
    if request.method == "POST":
        access.require(Permission.MANAGE)
        form = NameForm(request.POST)
        if form.is_valid():
            name = form.cleaned_data["name"]
            rename_tenant(access.tenant, name)
            messages.success(request, gettext("Saved."))
            return redirect("frontend:settings")
    context = {
        "form": form,
        "projects": access.tenant.projects.filter(archived_at=None).order_by(
            "name", "pk"
        ),
        "profile": TaxProfile.objects.filter(tenant=access.tenant).first(),
        "members": access.tenant.members.select_related("user").order_by("pk"),
    }
    status = 422 if form.errors else 200
    return render(request, "frontend/members/settings.html", context, status=status)


@require_POST
@tenant_page
def switch_tenant(request: HttpRequest, access: Access) -> HttpResponse:
    """Work in another tenant of one's own from now on; `tenant` is its slug."""
    others = {one.slug: one for one in access.other_tenants}
    chosen = others.get(request.POST.get("tenant", ""))
    if chosen is None:
        raise Http404
    request.session[TENANT_KEY] = chosen.pk
    messages.success(
        request, gettext("You work in %(name)s now.") % {"name": chosen.name}
    )
    return redirect("frontend:overview")


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.LIMIT)
def retention(request: HttpRequest, access: Access, project_id: int) -> HttpResponse:
    """Leases cost money."""
    project = get_object_or_404(Project, pk=project_id, tenant=access.tenant)
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
            messages.success(
                request, gettext("Saved. It holds within a second or two.")
            )
            return redirect("frontend:settings")
    status = 422 if form.errors else 200
    context = {"form": form, "project": project}
    return render(request, "frontend/leases/retention.html", context, status=status)
