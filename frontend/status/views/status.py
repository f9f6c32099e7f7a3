"""How the service is and was; for everybody, so that nobody has to guess."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.http import require_safe

from frontend.parts import wants_part
from frontend.progress import read_progress
from frontend.status.status_page import read_status, status_document
from inference.models import Engine, EngineState

FRESH_SECONDS = 15
"""So long a cache may show the page to others."""


@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """The page; asked by htmx, its live part alone. What somebody sees who is signed in
    has a menu of their own, and is for no cache.
    """
    answers = Engine.objects.filter(state=EngineState.READY, is_draining=False)
    progress = read_progress(settings.ENGINE_PROGRESS_FILE)
    context = {
        "progress": progress,
        "answers": answers.exists(),
        "status": read_status(now=timezone.now()),
    }
    part = (
        "frontend/status/status_live.html"
        if wants_part(request)
        else "frontend/status/status.html"
    )
    response = render(request, part, context)
    if request.user.is_authenticated:
        patch_cache_control(response, private=True, no_store=True)
    else:
        patch_cache_control(response, public=True, max_age=FRESH_SECONDS)
        patch_vary_headers(response, ["Cookie", "HX-Request"])
    return response


@require_safe
def status_json(_request: HttpRequest) -> JsonResponse:
    """The same for programs, which may be on anybody's pages: it is public."""
    now = timezone.now()
    response = JsonResponse(status_document(read_status(now=now), now=now))
    response["Access-Control-Allow-Origin"] = "*"
    patch_cache_control(response, public=True, max_age=FRESH_SECONDS)
    return response
