"""The usage pages in a browser: by keyboard, as a picture, wide and narrow."""

from datetime import timedelta

import pytest

from tests.factories import make_api_key
from tests.frontend.believable import (
    a_month_of_calls,
    call,
    event_id_at,
    priced_second_model,
    record,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def one(people, version, now):
    """A busy month, and a call of now."""
    staging, _ = make_api_key(project=people.project, name="Staging")
    versions = [version, priced_second_model()]
    event = call(
        people.api_key,
        version,
        now,
        event_id=event_id_at(now),
        sent_at_us=int(now.timestamp() * 1_000_000) - 880_000,
    )
    month = a_month_of_calls([people.api_key, staging], versions, now)
    record([*month, event], now)
    return event


@pytest.mark.usefixtures("one")
def test_the_days_of_the_overview_are_read_and_saved_likewise(visit, people):
    with visit(people.users["owner"]) as seen:
        seen.open("/")
        page = seen.page
        page.locator("#days canvas").wait_for()
        page.locator("#days").focus()
        page.keyboard.press("ArrowLeft")
        page.locator(".chart-note").wait_for()
        assert "UTC: Cost $" in page.locator("#announcements").text_content()
        with page.expect_download() as download:
            page.get_by_role("button", name="PNG").click()
        assert download.value.suggested_filename == "tokenfab-cost.png"
        seen.screenshots("overview-days")


@pytest.mark.usefixtures("one")
def test_the_chart_is_read_by_keyboard_and_saved_as_a_picture(visit, people):
    with visit(people.users["owner"]) as seen:
        seen.open("/usage/?range=30d&by=model&show=cost&compare=1")
        page = seen.page
        page.locator("#chart").focus()
        page.keyboard.press("ArrowLeft")
        page.locator(".chart-note").wait_for()
        said = page.locator("#announcements").text_content()
        assert "UTC: " in said
        assert "smollm2-135m-instruct $" in said
        with page.expect_download() as download:
            page.get_by_role("button", name="PNG").click()
        assert download.value.suggested_filename == "tokenfab-cost.png"
        seen.screenshots("usage-cost-by-model-compared")


def test_the_usage_pages_can_be_shown(visit, people, one):
    pages = {
        "usage-by-key": "/usage/?range=24h&by=key",
        "usage-by-endpoint": "/usage/?range=30d&by=endpoint&show=requests",
        "usage-minutes": "/usage/?range=1h",
        "usage-nothing": "/usage/?model=none",
        "request": f"/usage/calls/req_{one.event_id}/",
        "requests-filtered": "/usage/calls/?outcome=client_gone&range=30d",
        "requests-none": "/usage/calls/?ms=80000000",
    }
    with visit(people.users["owner"]) as seen:
        for name, path in pages.items():
            seen.open(path)
            seen.screenshots(name)


def test_a_day_leads_to_its_hours(visit, people, version, now):
    record([call(people.api_key, version, now - timedelta(days=2))], now)
    with visit(people.users["owner"]) as seen:
        seen.open("/usage/?by=key")
        day = now - timedelta(days=2)
        seen.page.locator("tbody").get_by_role(
            "link", name=f"{day.day} {day:%b}"
        ).click()
        seen.page.get_by_role("heading", name="Tokens per hour").wait_for()
        assert "by=key" in seen.page.url
