"""Given a developer who has just signed up, when they follow the documentation, look
the call up, rotate the key, end the old one early and see the new one leak, then the
code runs as the page shows it, the call is in the log, the old and the new key work
and die when they should on the real proxy, and a mail tells of the leak.
"""

import re
import subprocess
import sys
from dataclasses import dataclass

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.frontend.browser.chromium import SCREENSHOTS
from tests.running import RunningTokenfab
from tests.scenarios.test_a_stranger_becomes_a_tenant import sign_up, until

pytestmark = [pytest.mark.slow, pytest.mark.browser]

SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Key:
    """What the proxy says to a secret."""

    api: str
    secret: str

    def works(self) -> bool:
        return self._ask().is_success

    def refusal(self) -> str:
        """Its code; empty where there is none."""
        answer = self._ask()
        return "" if answer.is_success else str(answer.json()["error"]["code"])

    def _ask(self) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.secret}"}
        return httpx.get(f"{self.api}/v1/models", headers=headers)


def test_it_works(tokenfab: RunningTokenfab, browser: Browser) -> None:
    endpoints = tokenfab.endpoints()
    portal, api = endpoints["portal"], endpoints["api"]
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(SECONDS_MAX * 1000)
    page = context.new_page()
    secret = sign_up(page, portal)
    first = Key(api, secret)
    until(first.works, seconds=SECONDS_MAX)

    run_the_quick_start(page, portal, secret)
    find_the_call(page, portal)
    new_secret = rotate(page, portal)
    second = Key(api, new_secret)
    until(second.works, seconds=SECONDS_MAX)
    assert first.works()

    end_the_old_one(page)
    until(lambda: first.refusal() == "expired_api_key", seconds=SECONDS_MAX)
    assert second.works()

    report = httpx.post(
        f"{portal}/leaked-keys/report/",
        json=[{"token": new_secret, "url": "https://code.example/x"}],
    )
    assert (report.status_code, report.json()) == (202, {"received": 1})
    until(lambda: second.refusal() == "revoked_api_key", seconds=SECONDS_MAX)
    page.goto(f"{portal}/dev/mailbox/")
    page.get_by_role("link", name=re.compile("leaked and is revoked")).click()
    expect(page.get_by_text("https://code.example/x").first).to_be_visible()
    context.close()


def run_the_quick_start(page: Page, portal: str, secret: str) -> None:
    """As it stands there, but for the part of the key that nobody kept."""
    page.goto(f"{portal}/docs/")
    page.get_by_role("tab", name="Python").click()
    code = page.locator("#code-python").inner_text()
    shown = f"{secret[:12]}…"
    assert shown in code
    page.screenshot(path=SCREENSHOTS / "story-keys-docs.png", full_page=True)
    done = subprocess.run(
        [sys.executable, "-c", code.replace(shown, secret)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "total_tokens" in done.stdout
    page.get_by_placeholder("Search the documentation").fill("expired_api_key")
    page.get_by_placeholder("Search the documentation").press("Enter")
    page.get_by_role("link", name="Errors").last.click()
    expect(page.locator("#expired_api_key")).to_be_visible()


def find_the_call(page: Page, portal: str) -> None:
    """In the log of requests, and on the page of its key."""
    page.goto(f"{portal}/usage/calls/")
    expect(page.get_by_role("link", name=re.compile(r"\d\d:\d\d:\d\d"))).to_be_visible()
    page.goto(f"{portal}/keys/")
    page.get_by_role("link", name="First key", exact=True).click()
    link = page.get_by_role("link", name=re.compile("chat.completions with"))
    expect(link).to_be_visible()


def rotate(page: Page, portal: str) -> str:
    page.goto(f"{portal}/keys/")
    page.get_by_role("link", name="First key", exact=True).click()
    page.get_by_role("link", name="Rotate").click()
    page.get_by_role("button", name="Rotate the key").click()
    return page.locator("#secret").input_value()


def end_the_old_one(page: Page) -> None:
    page.get_by_role("link", name="End that early").click()
    page.get_by_role("link", name="End it now").click()
    page.get_by_label("Type its name").fill("First key")
    page.get_by_role("button", name="End the old key").click()
    expect(page.get_by_text("The old key has stopped working.")).to_be_visible()
