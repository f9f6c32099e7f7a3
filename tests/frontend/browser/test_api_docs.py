"""The reference of the API in a browser, without scripts too, as pictures."""

import pytest

from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take

pytestmark = pytest.mark.browser
PAGES = {
    "api-docs": "/docs/api/",
    "api-prices": "/docs/api/prices/",
    "api-invoices": "/docs/api/invoices/",
}


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_it_works(visit, people, look):
    take(visit, people.users["owner"], folder_of(look), PAGES, **look)


def test_it_is_read_by_anybody_without_scripts(visit, db):
    del db
    with visit(java_script_enabled=False) as seen:
        seen.open("/docs/api/")
        seen.page.get_by_role("link", name="/api/v1/prices", exact=False).first.click()
        operation = seen.page.locator("#set_price")
        assert "curl -X POST" in operation.inner_text()
        operation.get_by_text("Statuses").click()
        assert operation.get_by_text("It contradicts what is already").is_visible()
