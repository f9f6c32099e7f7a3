"""Parts of pages that the server sends whenever they change, as server-sent events.

A stream holds a thread of the web server. So it ends by itself after some seconds, upon
which the browser comes back; and of a process's threads only some may stream. Who finds
none free is told to poll, which shows the same (`live.js`).
"""

import time
from collections.abc import Callable, Generator, Iterator
from functools import wraps
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation

STREAMS_MAX = 2
"""At once in one process, of whose threads at least three go on answering pages."""
STREAM_SECONDS = 25
RETRY_MS = 500
"""After which a browser comes back."""

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponseBase]

_SAME = b"event: same\ndata:\n\n"
"""That the stream goes on; a comment would not be heard by the page."""
_places = BoundedSemaphore(STREAMS_MAX)


def wants_stream(request: HttpRequest) -> bool:
    return "text/event-stream" in request.headers.get("Accept", "")


def live_stream(render: Callable[[], str], *, every_seconds: float) -> HttpResponseBase:
    """One event for each text that differs from the one before. 204: all places are
    taken, which tells an EventSource not to ask again.

    `render` runs after the view has answered, and so outside of its second wall: for a
    tenant's page it does its reading within `reading_as`.
    """
    if not _places.acquire(blocking=False):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    render = _in_language(render, translation.get_language())
    stream = _Stream(render, every_seconds=every_seconds)
    response = StreamingHttpResponse(stream, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def _in_language(render: Callable[[], str], language: str) -> Callable[[], str]:
    """That of the page, which is no longer spoken when its view has answered."""

    def speak() -> str:
        with translation.override(language):
            return render()

    return speak


class OverError(Exception):
    """What is rendered is no more for who looks: the stream ends."""


def live_page(*, every_seconds: float) -> Callable[[Page[P]], Page[P]]:
    """Who asks for a stream gets the live part of the page, as the page itself answers
    `wants_part`: each time through its door, with the role of that moment, behind its
    second wall.
    """

    def decorate(page: Page[P]) -> Page[P]:
        @wraps(page)
        def shown(
            request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            first = page(request, *args, **kwargs)
            if first.status_code != HTTPStatus.OK or not wants_stream(request):
                return first

            def render() -> str:
                request.__dict__.pop("_tenant_access", None)  # looked up anew
                try:
                    answer = page(request, *args, **kwargs)
                except (PermissionDenied, Http404) as error:
                    raise OverError from error
                if not isinstance(answer, HttpResponse) or answer.status_code != 200:  # noqa: PLR2004
                    raise OverError
                return answer.text

            return live_stream(render, every_seconds=every_seconds)

        return shown

    return decorate


class _Stream:
    """Closed by Django in any case, also if not one event was asked for."""

    def __init__(self, render: Callable[[], str], *, every_seconds: float) -> None:
        self._events = _events(render, every_seconds)
        self._is_open = True

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def close(self) -> None:
        self._events.close()
        if self._is_open:
            self._is_open = False
            _places.release()


def _events(render: Callable[[], str], every_seconds: float) -> Generator[bytes]:
    yield f"retry: {RETRY_MS}\n\n".encode()
    shown = ""
    ends_at = time.monotonic() + STREAM_SECONDS
    while time.monotonic() < ends_at:
        try:
            text = render()
        except OverError:
            return
        yield _event(text) if text != shown else _SAME
        shown = text
        time.sleep(every_seconds)


def _event(text: str) -> bytes:
    lines = "".join(f"data: {line}\n" for line in text.splitlines())
    return f"{lines}\n".encode()
