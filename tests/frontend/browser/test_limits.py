"""An owner sets a spend limit without a mouse, and takes it away again."""

import pytest

from tenants.models import SpendLimit

pytestmark = pytest.mark.browser


def test_it_works(visit, people, valkey):
    del valkey  # the page asks it
    with visit(people.users["owner"]) as seen:
        page = seen.page
        seen.open("/limits/")
        page.get_by_role("link", name="Set a spend limit").first.focus()
        page.keyboard.press("Enter")
        page.get_by_label("Amount in US dollars").focus()
        page.keyboard.type("25")
        page.keyboard.press("Enter")
        page.get_by_text("Saved.").wait_for()
        assert SpendLimit.objects.get().amount_nano_usd == 25_000_000_000

        page.get_by_role("button", name="Remove the spend limit, All calls").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="No spend limit").wait_for()
        assert not SpendLimit.objects.exists()
