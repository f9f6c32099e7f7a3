"""The reference of the API in a browser, without scripts too, as pictures."""

import pytest

from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take

pytestmark = pytest.mark.browser
PAGES = {
    "docs": "/docs/",
    "docs-search": "/docs/search/?q=cached+prompt",
    "docs-search-empty": "/docs/search/?q=xyzzy",
    "docs-caching": "/docs/guides/caching/",
    "docs-errors": "/docs/guides/errors/",
    "docs-chat": "/docs/endpoints/chat-completions/",
    "docs-prompts": "/docs/endpoints/cached-prompts/",
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


def test_samples_follow_the_chosen_language(visit, people):
    with visit(people.users["owner"]) as seen:
        seen.open("/docs/endpoints/chat-completions/")
        seen.page.get_by_role("tab", name="Python").click()
        shown = seen.page.locator("#code-create_chat_completion-python")
        assert people.api_key.prefix in shown.inner_text()
        seen.page.get_by_role("link", name="Completions", exact=True).last.click()
        python = seen.page.get_by_role("tab", name="Python")
        assert python.get_attribute("aria-selected") == "true"


def test_guides_are_read_and_searched_without_scripts(visit, db):
    del db
    with visit(java_script_enabled=False) as seen:
        seen.open("/docs/endpoints/chat-completions/")
        for language in ("curl", "python", "javascript"):
            code = seen.page.locator(f"#code-create_chat_completion-{language}")
            assert code.is_visible()
        seen.page.get_by_placeholder("Search the documentation").fill("rotate_secret")
        seen.page.get_by_role("button", name="Search").click()
        seen.page.get_by_role("link", name="Is it from us?").click()
        assert seen.page.get_by_role("heading", name="Is it from us?").is_visible()
