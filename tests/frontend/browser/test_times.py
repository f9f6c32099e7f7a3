"""Times in the viewer's zone; UTC without scripts, and always on hover."""

from datetime import UTC, datetime

import pytest

from tests.frontend.believable import call, record

pytestmark = pytest.mark.browser
AT = datetime(2026, 11, 20, 22, 15, 7, tzinfo=UTC)
CELL = "td time"


@pytest.fixture(autouse=True)
def _a_call(people, version, now):
    record([call(people.api_key, version, AT)], now)


def test_it_works(visit, people):
    with visit(people.users["owner"], timezone_id="Asia/Kolkata") as seen:
        seen.open("/usage/calls/")
        time = seen.page.locator(CELL).first
        assert time.text_content() == "21 Nov, 03:45:07"
        assert time.get_attribute("title") == "2026-11-20 22:15:07 UTC"
        assert "GMT+5:30" in seen.page.locator("th").first.text_content()


def test_it_does_not_flash(visit, people):
    """What is there at the first frame is in the viewer's zone already."""
    with visit(people.users["owner"], timezone_id="Asia/Kolkata") as seen:
        seen.page.add_init_script(
            "requestAnimationFrame(() => { window.firstTimes ="
            f" [...document.querySelectorAll('{CELL}')].map((e) => e.textContent); }});"
        )
        seen.open("/usage/calls/")
        first = seen.page.evaluate("window.firstTimes")
        assert all(text == "21 Nov, 03:45:07" for text in first)


def test_what_htmx_brings_is_met_too(visit, people, version, now):
    with visit(people.users["owner"], timezone_id="Asia/Kolkata") as seen:
        seen.open("/usage/calls/")
        record([call(people.api_key, version, AT.replace(second=9))], now)
        seen.page.get_by_text("21 Nov, 03:45:09").wait_for()


def test_without_scripts_it_is_utc(visit, people):
    options = {"timezone_id": "Asia/Kolkata", "java_script_enabled": False}
    with visit(people.users["owner"], **options) as seen:
        seen.open("/usage/calls/")
        assert seen.page.locator(CELL).first.text_content() == "20 Nov, 22:15:07"
        assert "(UTC)" in seen.page.locator("th").first.text_content()
