"""What runs and how far it is; for everybody, so that nobody has to guess."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from frontend.parts import wants_part
from frontend.progress import read_progress
from inference.models import Engine, EngineState


@require_safe
@never_cache
def status(request: HttpRequest) -> HttpResponse:
    """The page; asked by htmx, its live part alone."""
    engines = list(
        Engine.objects.select_related("served_model").order_by("served_model", "name")
    )
    context = {
        "progress": read_progress(settings.ENGINE_PROGRESS_FILE),
        "engines": engines,
        "answers": any(
            engine.state == EngineState.READY and not engine.is_draining
            for engine in engines
        ),
    }
    part = (
        "frontend/status_live.html" if wants_part(request) else "frontend/status.html"
    )
    return render(request, part, context)
