"""A stranger's first two minutes in a real browser, up to the first call."""

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tenants.domain import api_keys
from tenants.models import ApiKey
from tests.factories import make_engine
from tests.frontend.believable import call, record

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("mail_folder")
def test_it_works(visit, version, settings):
    make_engine(served_model=version.served_model)
    with visit() as seen:
        page = seen.page
        seen.open("/")
        page.get_by_role("link", name="Sign up and get a key").click()
        page.get_by_label("Email").fill("nora@new.example")
        page.get_by_label("Password").fill("password")
        page.get_by_role("button", name="Sign up").click()
        expect(page.get_by_text("at least 10 characters").first).to_be_visible()
        seen.screenshots("sign-up-refused")
        page.get_by_label("Password").fill("a quiet harbour")
        page.get_by_role("button", name="Sign up").click()
        expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
        seen.screenshots("verify-code")
        page.get_by_label("Code").fill("WRONG1")
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_label("Code")).to_be_visible()
        seen.screenshots("verify-code-refused")
        code = read_code(seen)
        page.get_by_label("Code").fill(code)
        page.get_by_role("button", name="Confirm").click()
        expect(page.get_by_role("heading", name="Make your first call")).to_be_visible()

        page.get_by_role("button", name="Create the key").click()
        secret = page.locator("#secret").input_value()
        assert api_keys.is_well_formed(secret)
        assert secret in page.locator("#code-curl").inner_text()
        assert settings.API_URL in page.locator("#code-curl").inner_text()
        page.get_by_role("tab", name="Python").click()
        assert secret in page.locator("#code-python").inner_text()
        seen.screenshots("key-created")
        expect(page.get_by_text("Waiting for the first call")).to_be_visible()

        api_key = ApiKey.objects.get(digest=api_keys.digest(secret))
        now = datetime.now(UTC)
        record([call(api_key, version, now)], now)
        expect(page.get_by_text("Your first call has arrived.")).to_be_visible()
        expect(page.locator("#first-call")).to_contain_text("1,200 input and 90 output")
        expect(page.locator("#first-call")).to_contain_text("$0.0001")
        seen.screenshots("first-call-arrived")


def read_code(seen):
    """Out of the mailbox page, in a second tab, as a person would."""
    mailbox = seen.page.context.new_page()
    mailbox.goto(f"{seen.portal_url}/dev/mailbox/")
    mailbox.get_by_role("link", name=re.compile("Your Tokenfab code")).click()
    code = mailbox.locator("#mail-code").input_value()
    mailbox.close()
    return code
