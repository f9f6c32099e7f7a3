"""The playground: a page that calls the API by itself, and its secret of minutes."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from frontend.access import Access, tenant_page_for
from frontend.engine_note import engine_note
from frontend.playground.playground_page import (
    find_project,
    playground_facts,
    projects_of,
)
from tenants.domain.roles import Permission
from tenants.errors import TenantsError
from tenants.services.end_playground_secrets import end_playground_secrets
from tenants.services.issue_playground_secret import TTL, issue_playground_secret
from tenants.services.read_switches import read_switches


@require_safe
@never_cache
@tenant_page_for(Permission.BUILD)
def playground(request: HttpRequest, access: Access) -> HttpResponse:
    if not read_switches().has_playground:
        return render(request, "frontend/playground/playground_off.html", status=404)
    project = find_project(request, access)
    context = {
        "project": project,
        "projects": projects_of(access),
        "facts": playground_facts(access, project),
        **engine_note(),
    }
    return render(request, "frontend/playground/playground.html", context)


@require_POST
@never_cache
@tenant_page_for(Permission.BUILD)
def playground_secret(request: HttpRequest, access: Access) -> HttpResponse:
    """`{"secret": "tf_live_…", "seconds": 900}`, or the error in the API's shape."""
    if not read_switches().has_playground:
        raise Http404
    project = find_project(request, access)
    try:
        issued = issue_playground_secret(
            project=project, user=access.user, now=timezone.now()
        )
    except TenantsError as error:
        told = {"message": str(error), "type": "billing_error", "param": None}
        return JsonResponse({"error": {**told, "code": error.code}}, status=409)
    return JsonResponse({"secret": issued.secret, "seconds": TTL.total_seconds()})


@require_POST
@tenant_page_for(Permission.BUILD)
def leave_playground(request: HttpRequest, access: Access) -> HttpResponse:
    """The page says so with its last breath: nobody reads the answer."""
    del request
    end_playground_secrets(user=access.user, now=timezone.now())
    return HttpResponse(status=204)
