"""A real Chromium in front of the portal's own WSGI application."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from threading import BoundedSemaphore

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, connections
from django.test.testcases import QuietWSGIRequestHandler
from playwright.sync_api import Error, Page, Response

from billing.models.invoices import Invoice
from billing.services.invoices.issue_invoice import issue_invoice
from frontend import live
from tests.factories import make_api_key, make_engine
from tests.frontend.believable import (
    a_month_of_calls,
    call,
    priced_second_model,
    record,
)
from tests.frontend.believable_leases import leases_in_every_state
from tests.frontend.believable_prompts import (
    calls_with,
    make_capacities,
    prompts_in_every_state,
)
from tests.frontend.browser.axe import barriers
from tests.frontend.browser.chromium import SCREENSHOTS
from tests.frontend.people import HOST, client_of


@pytest.fixture(autouse=True)
def _pages_poll(monkeypatch):
    """One connection answers one request at a time: streams would hold up the others.
    What is about them asks for `streams`.
    """
    monkeypatch.setattr(live, "_places", BoundedSemaphore(0))


@pytest.fixture
def streams(monkeypatch):
    monkeypatch.setattr(live, "_places", BoundedSemaphore(live.STREAMS_MAX))


class OneConnectionServer(ThreadedWSGIServer):
    """Its threads use the test's connection, and leave it open."""

    def _close_connections(self) -> None:
        """Not ours to close."""


@pytest.fixture
def portal_url(db) -> Iterator[str]:  # noqa: ARG001  opens the database
    """Serves inside the test's transaction, which is rolled back as everywhere else.

    The threads share the test's one connection, hence one request at a time; of what
    is streamed for long, one piece at a time. Statements of the test itself come
    between requests: within one they would be asked as its reader.
    """
    connection = connections["default"]
    application, turn = get_wsgi_application(), threading.RLock()
    is_over = threading.Event()

    def one_at_a_time(environ, start_response):
        with turn:
            response = application(environ, start_response)
            if _is_of_events(response):
                return _pieces(response, turn, is_over)
            try:
                return list(response)
            finally:
                response.close()

    server = OneConnectionServer(
        (HOST, 0),
        QuietWSGIRequestHandler,
        connections_override={"default": connection},
    )
    server.set_app(one_at_a_time)
    connection.inc_thread_sharing()
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def between_requests(execute, *statement):
        with turn:
            return execute(*statement)

    with connection.execute_wrapper(between_requests):
        yield f"http://{HOST}:{server.server_port}"
    is_over.set()
    server.shutdown()
    thread.join()
    server.server_close()
    turn.acquire()  # whoever streams has left, or finds that it is over
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
    connection.dec_thread_sharing()


def _is_of_events(response) -> bool:
    """A file comes without headers of its own."""
    return getattr(response, "headers", {}).get("Content-Type") == "text/event-stream"


def _pieces(
    response, turn: threading.RLock, is_over: threading.Event
) -> Iterator[bytes]:
    pieces = iter(response)
    try:
        while True:
            with turn:
                if is_over.is_set() or (piece := next(pieces, None)) is None:
                    return
            yield piece
    finally:
        response.close()


class Visit:
    """A page that notes what must not happen: errors, and requests elsewhere."""

    def __init__(self, page: Page, portal_url: str) -> None:
        self.page = page
        self.portal_url = portal_url
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._watch)

    def _hear(self, message) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _watch(self, request) -> None:
        if not request.url.startswith((self.portal_url, "data:")):
            self.complaints.append(f"{self.page.url} asked {request.url}")

    def open(self, path: str) -> Response | None:
        return self.page.goto(self.portal_url + path)

    def overflow(self):
        """What is wider than the window, outside of what scrolls by itself."""
        return self.page.evaluate(
            """() => document.documentElement.scrollWidth <= innerWidth ? [] :
            [...document.querySelectorAll("body *")]
              .filter((e) => e.getBoundingClientRect().right > innerWidth + 1
                && !e.closest(".table-responsive, pre, .tabs"))
              .map((e) => `${e.tagName}.${e.className}`.slice(0, 80))"""
        )

    def screenshots(self, name: str) -> None:
        """Of the page as it is, in both colour schemes and widths."""
        for width in (1440, 390):
            self.page.set_viewport_size({"width": width, "height": 800})
            self.page.wait_for_function("width => innerWidth === width", arg=width)
            assert self.overflow() == []
            self.page.emulate_media(color_scheme="dark")
            self.screenshot(f"{width}-dark", name)
            assert barriers(self.page) == []
            self.page.emulate_media(color_scheme="light")
            self.screenshot(f"{width}-light", name)
            assert barriers(self.page) == []
        self.page.set_viewport_size({"width": 1440, "height": 800})

    def screenshot(self, folder: str, name: str) -> Path:
        path = SCREENSHOTS / folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.page.screenshot(path=path, full_page=True)
        except Error as error:  # the compositor of a busy machine; the page is well
            if "Unable to capture" not in error.message:
                raise
            self.page.screenshot(path=path, full_page=True)
        return path


@pytest.fixture
def visit(browser, portal_url):
    """Opens a window for a user; its complaints fail the test when it is closed."""

    @contextmanager
    def start(user=None, *, scheme="light", width=1440, height=800, **options):
        context = browser.new_context(
            color_scheme=scheme,
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(30_000)
        if user:
            cookie = client_of(user).cookies["sessionid"]
            context.add_cookies(
                [{"name": "sessionid", "value": cookie.value, "url": portal_url}]
            )
        visit = Visit(context.new_page(), portal_url)
        yield visit
        context.close()
        assert visit.complaints == []

    return start


@pytest.fixture
def mail_folder(settings, tmp_path):
    """Mails become files, as they do without a mail server."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = settings.MAILBOX_FOLDER = tmp_path / "mail"
    settings.MAILBOX_FOLDER.mkdir()
    return settings.MAILBOX_FOLDER


@pytest.fixture
def full(people, version, now, settings, tmp_path):
    """The tenant after a busy month; an invoice is issued, a draft is open."""
    first = make_engine(
        served_model=version.served_model, name="engine-1", checked_at=now
    )
    second = priced_second_model()
    make_engine(served_model=second.served_model, name="engine-2", checked_at=now)
    owner = people.users["owner"]
    staging, _ = make_api_key(
        project=people.project,
        name="Staging",
        mode="test",
        created_by=people.users["colleague"],
        created_at=now - timedelta(days=12),
        expires_at=now + timedelta(days=20),
        allowed_models=["smollm2-135m-instruct"],
        requests_per_minute=60,
    )
    make_api_key(
        project=people.project,
        name="Laptop of last summer",
        created_by=owner,
        created_at=now - timedelta(days=140),
        revoked_at=now - timedelta(days=3),
    )
    people.project.api_keys.update(last_used_at=now - timedelta(minutes=4))
    calls = a_month_of_calls([people.api_key, staging], [version, second], now)
    begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    calls.append(call(people.api_key, version, begin - timedelta(minutes=1)))
    record([*calls, call(people.strangers_key, version, now)], now)
    leases_in_every_state(people.api_key, version, first, now)
    ready, *_ = prompts_in_every_state(people.api_key, version.served_model, first, now)
    record(calls_with(ready, people.api_key, version, now), now)
    make_capacities(first, now)
    settings.ENGINE_PROGRESS_FILE = tmp_path / "engine_progress.json"
    mine = Invoice.objects.filter(tenant=people.tenant).order_by("period_start")
    *earlier, current = mine
    for invoice in earlier:
        issue_invoice(invoice.pk, now=now)
    return current
