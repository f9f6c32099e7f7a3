"""Pages that refresh themselves: the same address answers with the live part alone."""

from django.http import HttpRequest

from frontend.live import wants_stream


def wants_part(request: HttpRequest) -> bool:
    return wants_stream(request) or bool(request.htmx)  # type: ignore[attr-defined]  # HtmxMiddleware sets it
