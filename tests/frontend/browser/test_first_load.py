"""What a browser that was never here before has to fetch, and can do without."""

import re

import pytest
from django.core.management import call_command

from tests.frontend.believable import a_month_of_calls, record

pytestmark = pytest.mark.browser

BYTES_MAX = 250_000
PAGES = ("/", "/keys/", "/usage/?range=30d&by=model", "/usage/calls/", "/invoices/")
AGO = re.compile(r"just now|\d+ \w+ ago")
"""Time goes on between two looks at a page."""
TEXTS = "main :is(h1, h2, h3, p, th, td, dt, dd, label, pre)"


@pytest.fixture(autouse=True)
def _collected(settings, tmp_path):
    """Static files as an installation serves them."""
    settings.STATIC_ROOT = tmp_path / "static"
    settings.WHITENOISE_USE_FINDERS = False
    call_command("collectstatic", interactive=False, verbosity=0)


@pytest.fixture
def user(people, version, now):
    record(a_month_of_calls([people.api_key], [version], now), now)
    return people.users["owner"]


def fetched(visit, user, path):
    """Of all that the page asked for: address, bytes as sent, and whether it was packed
    or has to stay as it is, for it may show a secret.
    """
    requests = []
    with visit(user) as seen:
        seen.page.on("requestfinished", lambda one: requests.append(one))  # noqa: PLW0108  Playwright marks its handlers
        seen.open(path)
        seen.page.wait_for_load_state("networkidle")
        return [
            (
                request.url.partition("#")[0],
                request.sizes()["responseBodySize"],
                request.response().header_value("content-encoding") == "gzip"
                or "no-store"
                in (request.response().header_value("cache-control") or ""),
            )
            for request in requests
        ]


def test_it_works(visit, user):
    """`visit` complains about a request to another host."""
    for path in PAGES:
        found = fetched(visit, user, path)
        assert len(found) >= 8
        assert sum(size for _, size, _ in found) <= BYTES_MAX, path
        assert all(is_packed for _, _, is_packed in found), path


def test_the_way_in_is_light(visit, db):  # noqa: ARG001  opens the database
    for path in ("/", "/accounts/signup/", "/accounts/login/"):
        found = fetched(visit, None, path)
        assert 0 < sum(size for _, size, _ in found) <= BYTES_MAX


def test_all_can_be_read_without_scripts(visit, user):
    """Every text that a page has with its scripts, but for the chart's legend."""
    for path in PAGES:
        texts = []
        for has_scripts in (True, False):
            with visit(user, java_script_enabled=has_scripts) as seen:
                seen.open(path)
                shown = seen.page.locator(TEXTS).filter(visible=True)
                found = shown.all_inner_texts()
                texts.append({AGO.sub("ago", text.strip()) for text in found})
        scripted, plain = texts
        assert len(plain) >= 8
        assert scripted <= plain, path
