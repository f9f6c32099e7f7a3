"""From a line of an invoice to the receipt of one call: as pictures, by links alone."""

from datetime import timedelta

import pytest

from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from tests.frontend.believable import call, record
from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take

pytestmark = pytest.mark.browser


@pytest.fixture
def pages(people, version, now):
    """An invoice of last month's calls, sealed, and the draft of today's."""
    month_end = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    times = [month_end - timedelta(hours=7 * number, minutes=1) for number in range(60)]
    times += [times[0] - timedelta(minutes=number) for number in range(1, 30)]
    record([call(people.api_key, version, at) for at in [*times, now]], now)
    rate_usage(now=now)
    earlier, draft = people.tenant.invoices.order_by("period_start")
    issued = issue_invoice(earlier.pk, now=now)
    line = issued.lines.get(meter="output_tokens")
    path = f"/invoices/{issued.pk}/lines/{line.pk}/"
    open_line = draft.lines.get(meter="output_tokens")
    open_path = f"/invoices/{draft.pk}/lines/{open_line.pk}/"
    return {
        "invoice-with-lines": f"/invoices/{issued.pk}/",
        "line": path,
        "line-day": f"{path}days/{times[0]:%Y-%m-%d}/",
        "line-hour": f"{path}hours/{times[0]:%Y-%m-%dT%H}/",
        "line-check": f"{path}check/",
        "receipt": "/receipts/1/",
        "line-of-a-draft": open_path,
        "line-of-a-draft-hour": f"{open_path}hours/{now:%Y-%m-%dT%H}/",
        "line-hour-without-calls": f"{open_path}hours/2026-01-01T00/",
    }


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_the_way_to_a_receipt_can_be_shown(visit, people, pages, look):
    take(visit, people.users["owner"], folder_of(look), pages, **look)


def test_the_way_is_walked_by_links_alone(visit, people, pages):
    """Without a script: each page is read as the server sent it."""
    with visit(people.users["owner"], java_script_enabled=False) as seen:
        page = seen.page
        seen.open(pages["invoice-with-lines"])
        page.locator(f'a[href="{pages["line"]}"]').first.click()
        page.locator('main a[href*="/days/"]').first.click()
        page.locator('main a[href*="/hours/"]').first.click()
        page.locator('main a[href^="/receipts/"]').first.click()
        page.wait_for_url("**/receipts/*/")
        page.get_by_text("output_tokens").first.wait_for()
