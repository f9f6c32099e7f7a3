"""An owner sets a spend limit without a mouse, and takes it away again."""

from datetime import timedelta

import pytest

from metering.services import shipped_up_to as shipping
from tenants.models import SpendLimit
from tests.billing.money import seed, spend
from tests.factories import make_spend_limit

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def _journals_are_shipped(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(shipping, "WRITE_MARGIN", timedelta(0))
    settings.JOURNAL_FOLDER = tmp_path


def test_it_works(visit, people, valkey):
    del valkey  # the page asks it
    with visit(people.users["owner"]) as seen:
        page = seen.page
        seen.open("/limits/")
        page.get_by_role("link", name="Set a spend limit").first.focus()
        page.keyboard.press("Enter")
        page.get_by_label("Amount, USD").focus()
        page.keyboard.type("25")
        page.keyboard.press("Enter")
        page.get_by_text("Saved.").wait_for()
        assert SpendLimit.objects.get().amount_nanos == 25_000_000_000

        page.get_by_role("button", name="Remove the spend limit, All calls").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="No spend limit").wait_for()
        assert not SpendLimit.objects.exists()


def test_the_refreshing_page_keeps_the_focus(visit, people, valkey):
    """Who walks by keyboard stays where they are, and sees the new number."""
    make_spend_limit(subject=people.tenant)
    seed()
    with visit(people.users["owner"]) as seen:
        page = seen.page
        seen.open("/limits/")
        button = page.get_by_role("button", name="Remove the spend limit, All calls")
        button.focus()
        spend(valkey, people.api_key, 2_340_000_000)
        page.get_by_text("$2.34").first.wait_for()
        assert button.evaluate("one => one === document.activeElement")
