"""What the plant does now. Staff only."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from frontend.access import operator_page
from frontend.live import live_stream, wants_stream
from frontend.operator.kv_bars import OWNERS
from frontend.operator.plant import MINUTES, TITLES, find_plant
from frontend.parts import wants_part

_EVERY_SECONDS = 2
_LIVE = "frontend/operator/now_live.html"


@require_safe
@operator_page
def now(request: HttpRequest) -> HttpResponseBase:
    if wants_stream(request):
        return live_stream(
            lambda: render_to_string(_LIVE, _context(), request),
            every_seconds=_EVERY_SECONDS,
        )
    page = _LIVE if wants_part(request) else "frontend/operator/now.html"
    return render(request, page, _context())


def _context() -> dict[str, object]:
    return {
        "plant": find_plant(now=timezone.now()),
        "minutes": MINUTES,
        "titles": TITLES,
        "owners": OWNERS,
    }
