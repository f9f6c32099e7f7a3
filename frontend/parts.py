"""Pages that refresh themselves: htmx asks the same address for the live part alone."""

from django.http import HttpRequest


def wants_part(request: HttpRequest) -> bool:
    return bool(request.htmx)  # type: ignore[attr-defined]  # HtmxMiddleware sets it
