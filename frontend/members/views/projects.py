"""Projects: list, create, rename, archive."""

from django.contrib import messages
from django.db.models import Count, Q
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from frontend.access import Access, tenant_page, tenant_page_for
from frontend.confirm_form import TypedNameForm, posted, render_form
from frontend.forms import NameForm
from frontend.tables import Rules, read_table
from frontend.undo import offer_undo
from tenants.domain.roles import Permission
from tenants.errors import TenantsError
from tenants.models import Project
from tenants.services.archive_project import archive_project, living_keys_of_project
from tenants.services.create_project import create_project
from tenants.services.rename_project import rename_project

_PAGE = "frontend:projects"
_LIVING = Q(api_keys__revoked_at=None)
_PROJECTS = Rules(
    sorts={"name": Lower("name"), "keys": "active_keys", "since": "created_at"},
    default="name",
    search=("name",),
)


@require_http_methods(["GET", "POST"])
@tenant_page
def projects(request: HttpRequest, access: Access) -> HttpResponse:
    """Every member sees them; a POST creates one."""
    form = NameForm()
    if request.method == "POST":
        access.require(Permission.MANAGE)
        form = NameForm(request.POST)
        if form.is_valid() and _is_created(form, access):
            messages.success(request, gettext("The project is there."))
            return redirect(_PAGE)
    rows = access.tenant.projects.all()
    counted = rows.annotate(active_keys=Count("api_keys", filter=_LIVING))
    context = {
        "form": form,
        "table": read_table(request.GET, counted.filter(archived_at=None), _PROJECTS),
        "has_others": rows.filter(archived_at=None).count() > 1,
        "archived": rows.exclude(archived_at=None).order_by("name", "pk"),
    }
    status = 422 if form.errors else 200
    return render(request, "frontend/members/projects.html", context, status=status)


def _is_created(form: NameForm, access: Access) -> bool:
    name = form.cleaned_data["name"]
    try:
        create_project(tenant=access.tenant, name=name, now=timezone.now())
    except TenantsError as error:
        form.add_error("name", str(error))
        return False
    return True


def _find(access: Access, project_id: int) -> Project:
    rows = access.tenant.projects.filter(archived_at=None)
    return get_object_or_404(rows, pk=project_id)


@require_POST
@tenant_page_for(Permission.MANAGE)
def rename(request: HttpRequest, access: Access, project_id: int) -> HttpResponse:
    found = _find(access, project_id)
    name = request.POST.get("name", "")
    try:
        rename_project(project_id=found.pk, tenant=access.tenant, name=name)
    except TenantsError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("The project has its new name."))
    return redirect(_PAGE)


@require_http_methods(["GET", "POST"])
@tenant_page_for(Permission.MANAGE)
def archive(request: HttpRequest, access: Access, project_id: int) -> HttpResponse:
    """Its keys stop working, so it asks for its name."""
    found, now = _find(access, project_id), timezone.now()
    form = TypedNameForm(found.name, *posted(request))
    if not form.is_valid():
        keys = living_keys_of_project(found)
        context = {"form": form, "project": found, "keys": keys}
        return render_form(request, "frontend/members/archive_project.html", context)
    try:
        archive_project(project_id=found.pk, tenant=access.tenant, now=now)
    except TenantsError as error:
        messages.error(request, str(error))
    else:
        told = _("%s is archived, and its keys revoked.") % found.name
        offer_undo(request, access, told, act="project", id=found.pk, at=now)
    return redirect(_PAGE)
