"""Views of the usage page that a member keeps: list, save, rename, delete."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from frontend.access import Access, tenant_page
from frontend.undo import offer_undo
from frontend.usage.selection import kept_query, views_of
from tenants.errors import TenantsError
from tenants.services.delete_view import delete_view
from tenants.services.rename_view import rename_view
from tenants.services.save_view import save_view


@require_safe
@tenant_page
def saved_views(request: HttpRequest, access: Access) -> HttpResponse:
    context = {"views": views_of(access)}
    return render(request, "frontend/usage/saved_views.html", context)


@require_POST
@tenant_page
def save(request: HttpRequest, access: Access) -> HttpResponse:
    """Only what an address of the usage page may say is kept of it."""
    query = kept_query(QueryDict(request.POST.get("query", "")[:4_000]))
    name = request.POST.get("name", "")
    try:
        save_view(tenant=access.tenant, user=access.user, name=name, query=query)
    except TenantsError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("The view is saved."))
    page = redirect("frontend:usage")
    page["Location"] += f"?{query}" if query else ""
    return page


@require_POST
@tenant_page
def rename(request: HttpRequest, access: Access, view_id: int) -> HttpResponse:
    name = request.POST.get("name", "")
    try:
        rename_view(view_id=view_id, tenant=access.tenant, user=access.user, name=name)
    except TenantsError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("The view has its new name."))
    return redirect("frontend:saved_views")


@require_POST
@tenant_page
def delete(request: HttpRequest, access: Access, view_id: int) -> HttpResponse:
    view = next((one for one in views_of(access) if one.pk == view_id), None)
    if view is not None:
        delete_view(view_id=view.pk, tenant=access.tenant, user=access.user)
        told = _("The view %s is deleted.") % view.name
        offer_undo(request, access, told, act="view", name=view.name, query=view.query)
    return redirect("frontend:saved_views")
