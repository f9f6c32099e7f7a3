"""Given a new developer, when they cache a prompt in the portal and call by its name,
and buy a lease with a call, then the pages show within seconds what was used, and both
end when they are given back there.
"""

from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.running import RunningTokenfab
from tests.scenarios.test_a_stranger_becomes_a_tenant import sign_up, until

pytestmark = [pytest.mark.slow, pytest.mark.browser]

RULES = "You clean rows of a table of addresses. Answer with the row alone. " * 4
ROW = [{"role": "user", "content": "11 Pine Road, Ghent"}]
SHOWN_MS_MAX = 15_000.0


class Developer:
    def __init__(self, tokenfab: RunningTokenfab, browser: Browser) -> None:
        endpoints = tokenfab.endpoints()
        self.portal: str = endpoints["portal"]
        self.page: Page = browser.new_context().new_page()
        secret = sign_up(self.page, self.portal)
        self.client = httpx.Client(
            base_url=f"{endpoints['api']}/v1",
            headers={"authorization": f"Bearer {secret}"},
            timeout=30,
        )

    def chat(self, **fields: Any) -> httpx.Response:
        body = {"model": "default", "messages": ROW, "max_tokens": 20, **fields}
        return self.client.post("/chat/completions", json=body)

    def sees(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible(timeout=SHOWN_MS_MAX)

    def asks_for_the_price(self) -> bool:
        self.page.get_by_role("button", name="Show the price").click()
        return self.page.get_by_role("heading", name="The price").is_visible()

    def caches_rules(self) -> None:
        self.page.goto(f"{self.portal}/prompts/new/")
        self.page.get_by_label("Name", exact=True).fill("row-cleaner")
        self.page.get_by_label("Instructions").fill(RULES)
        # The control plane finds an engine ready some seconds after the proxy does.
        until(self.asks_for_the_price, seconds=SHOWN_MS_MAX / 1000)
        self.page.get_by_role("button", name="Buy it").click()
        self.sees("row-cleaner is held")


def test_a_developer_keeps_kv_from_the_portal(
    tokenfab: RunningTokenfab, browser: Browser
) -> None:
    nora = Developer(tokenfab, browser)
    with nora.client:
        caches_a_prompt(nora)
        leases_a_conversation(nora)


def caches_a_prompt(nora: Developer) -> None:
    page = nora.page
    nora.caches_rules()
    used = nora.chat(cached_prompt="row-cleaner").json()
    leased = used["cached_prompt"]["leased_tokens"]
    assert used["usage"]["prompt_tokens"] > leased > 0
    nora.sees(f"{leased:,} tokens not paid for")
    page.get_by_role("link", name="Delete").click()
    page.get_by_label("Type its name").fill("row-cleaner")
    page.get_by_role("button", name="Delete it").click()
    nora.sees("row-cleaner is deleted")
    until_refused(nora)


def leases_a_conversation(nora: Developer) -> None:
    page = nora.page
    bought = nora.chat(kv_retention={"timeout": "10m"}).json()["kv_lease"]
    lease = f"/kv_leases/{bought['id']}"
    page.goto(f"{nora.portal}/leases/")
    page.get_by_role("link", name="Extend").click(timeout=SHOWN_MS_MAX)
    page.get_by_label("1 hour from now").check()
    page.get_by_role("button", name="Extend it").click()
    nora.sees("Extended.")
    longer = nora.client.get(lease).json()
    assert longer["expires_at"] > bought["expires_at"]

    page.get_by_role("link", name="Release").click()
    page.get_by_role("button", name="Release it").click()
    nora.sees("Released. The meter has stopped.")
    assert nora.client.get(lease).json()["status"] == "released"
    cell = page.get_by_role("cell", name="released")
    expect(cell).to_be_visible(timeout=SHOWN_MS_MAX)


def until_refused(nora: Developer) -> None:
    """Within the second or two that a snapshot takes."""
    refused = until(
        lambda: (
            answer
            if (answer := nora.chat(cached_prompt="row-cleaner")).is_client_error
            else None
        ),
        seconds=SHOWN_MS_MAX / 1000,
    )
    assert refused.json()["error"]["code"] == "cached_prompt_not_found"
