"""The playground: a page that calls the API by itself, and its secret of minutes."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from frontend.access import Access, tenant_page_for
from frontend.engine_note import engine_note
from frontend.playground import find_project, playground_facts
from tenants.domain.roles import Permission
from tenants.errors import TenantsError
from tenants.services.end_playground_secrets import end_playground_secrets
from tenants.services.issue_playground_secret import TTL, issue_playground_secret


@require_safe
@never_cache
@tenant_page_for(Permission.BUILD)
def playground(request: HttpRequest, access: Access) -> HttpResponse:
    context = {"facts": playground_facts(access), **engine_note()}
    return render(request, "frontend/playground.html", context)


@require_POST
@never_cache
@tenant_page_for(Permission.BUILD)
def playground_secret(request: HttpRequest, access: Access) -> HttpResponse:
    """`{"secret": "tf_live_…", "seconds": 900}`, or the error in the API's shape."""
    del request
    try:
        issued = issue_playground_secret(
            project=find_project(access), user=access.user, now=timezone.now()
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
