"""Given a developer who has just signed up, when they chat in the playground, keep the
conversation and give it back, compare two models, stop an answer and copy the call,
then each call is one of the tenant's like any other, what the page says it cost is what
the API says, the copied code gives the same answer, and the secret dies with the page.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, Response, expect

from tests.engine_contract.engines import run_simulator
from tests.frontend.browser.axe import barriers
from tests.frontend.browser.chromium import SCREENSHOTS
from tests.running import RunningTokenfab
from tests.scenarios.test_a_stranger_becomes_a_tenant import sign_up, until

pytestmark = [pytest.mark.slow, pytest.mark.browser]

SLOW = "slow-model"
PRICES = ("--new-input", "0.2", "--cached-input", "0.1", "--output", "0.8")
QUESTION = "Tell me of lighthouses, at length. " * 8
SECONDS_MAX = 60.0


@pytest.fixture
def second_model(tokenfab: RunningTokenfab, tmp_path_factory: Any) -> Iterator[str]:
    """An engine of 20 tokens a second, so that an answer can be left in its middle."""
    key = tokenfab.home / "secrets" / "engine_key"
    with run_simulator(
        tmp_path_factory.mktemp("e"),
        ENGINE_KEY=key.read_text().strip(),
        SERVED_MODEL_NAME=SLOW,
        SIMULATOR_TOKENS_PER_SECOND="20",
    ) as engine:
        known = ("--task", "generate", "--context-tokens", "4096", "--simulator")
        for command in (
            ("register_engine", f"unix:{engine.socket}", "--model", SLOW, *known),
            ("set_price", SLOW, *PRICES),
        ):
            done = tokenfab.manage(*command)
            assert done.returncode == 0, done.stderr
        yield SLOW


class Visitor:
    """Nora, her page, and what passed between it and the API."""

    def __init__(self, tokenfab: RunningTokenfab, browser: Browser) -> None:
        endpoints = tokenfab.endpoints()
        self.portal: str = endpoints["portal"]
        self.api: str = endpoints["api"]
        context = browser.new_context(
            viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
        )
        context.set_default_timeout(SECONDS_MAX * 1000)
        self.page: Page = context.new_page()
        self.own_secret = sign_up(self.page, self.portal)
        self.faults: list[str] = []
        self.answers: list[Response] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("response", self._hear)
        self.client = httpx.Client(
            base_url=f"{self.api}/v1",
            headers={"authorization": f"Bearer {self.own_secret}"},
            timeout=30,
        )
        self.page.goto(f"{self.portal}/playground/")

    def _hear(self, response: Response) -> None:
        if response.url.endswith("/v1/chat/completions"):
            self.answers.append(response)

    @property
    def used_secret(self) -> str:
        sent = self.answers[-1].request.all_headers()["authorization"]
        return sent.removeprefix("Bearer ")

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log").first

    @property
    def last(self) -> Locator:
        return self.log.get_by_role("article").last

    def sends(self, text: str) -> None:
        self.page.get_by_label("Message").fill(text)
        self.page.get_by_label("Message").press("Control+Enter")

    def has_answer(self) -> None:
        expect(self.page.get_by_role("button", name="Send")).to_be_visible()
        expect(self.last.get_by_role("button", name="Try again")).to_be_visible()

    def cost_shown(self) -> str:
        title = self.last.locator(".exact").get_attribute("title") or ""
        return title.removeprefix("Exactly $")

    def screenshots(self, name: str) -> None:
        for width in (1440, 390):
            self.page.set_viewport_size({"width": width, "height": 900})
            fits = "document.documentElement.scrollWidth <= innerWidth"
            assert self.page.evaluate(fits), width
            for scheme in ("dark", "light"):
                self.page.emulate_media(color_scheme=scheme)
                assert barriers(self.page) == []
                path = SCREENSHOTS / f"{width}-{scheme}" / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                self.page.screenshot(path=path, full_page=True)
        self.page.set_viewport_size({"width": 1440, "height": 900})


@pytest.fixture
def nora(tokenfab: RunningTokenfab, second_model: str, browser: Browser) -> Any:
    assert second_model
    nora = Visitor(tokenfab, browser)
    with nora.client:
        yield nora
        assert nora.faults == []


def test_a_developer_tries_two_models(nora: Visitor) -> None:
    nora.screenshots("playground-empty")
    chats(nora)
    keeps_the_conversation(nora)
    copies_the_call(nora)
    edits_and_reloads(nora)
    compares(nora)
    stops_an_answer(nora)
    sees_what_is_wrong(nora)
    leaves(nora)


def chats(nora: Visitor) -> None:
    nora.sends(QUESTION)
    nora.has_answer()

    expect(nora.last).to_contain_text(re.compile(r"\d new.*\d output"))
    request_id = nora.answers[-1].headers["x-request-id"]
    told = nora.client.get(f"/usage/requests/{request_id}").json()
    assert told["streamed"]
    assert float(nora.cost_shown()) == float(told["usage"]["cost"]) > 0
    assert nora.used_secret != nora.own_secret
    expect(nora.page.get_by_text("it reads these")).to_be_visible()


def keeps_the_conversation(nora: Visitor) -> None:
    nora.page.get_by_label("Keep the conversation's KV").select_option("5m")
    nora.sends("And of their keepers?")
    nora.has_answer()
    pane = nora.page.get_by_role("region", name="Conversation 1")
    expect(pane.get_by_text("Kept", exact=True)).to_be_visible()
    expect(pane.locator("time")).to_have_text(re.compile(r"[45] m \d\d s"))
    expect(pane.get_by_text("without the lease")).to_be_visible()
    nora.screenshots("playground-kept")

    nora.sends("And of their lamps?")
    nora.has_answer()
    expect(nora.last).to_contain_text(re.compile(r"\d leased"))
    expect(nora.last).to_contain_text("lease used")

    sent = json.loads(nora.answers[-1].request.post_data or "")
    pane.get_by_role("button", name="Release").click()
    expect(pane.get_by_text("The lease is released")).to_be_visible()
    assert sent["kv_lease"].startswith("kvl_")
    gone = nora.client.get(f"/kv_leases/{sent['kv_lease']}").json()
    assert gone["status"] == "reused"
    nora.page.get_by_label("Keep the conversation's KV").select_option("")


def copies_the_call(nora: Visitor) -> None:
    nora.page.get_by_label("Seed").fill("7")
    nora.page.get_by_label("Temperature").fill("0")
    nora.sends("It's \"quoted\", isn't it?\nTwo lines: $HOME, `ls`, é")
    nora.has_answer()
    said = nora.last.locator(".turn-text").inner_text()

    nora.page.get_by_role("button", name="Code").click()
    curl, python, javascript = (
        nora.page.locator(f"#code-{name}").text_content() or ""
        for name in ("curl", "python", "javascript")
    )
    nora.page.get_by_role("tab", name="Python").click()
    nora.screenshots("playground-code")
    nora.page.get_by_role("button", name="Close").click()

    environment = os.environ | {"TOKENFAB_API_KEY": nora.own_secret}
    streamed = run(["bash", "-c", curl], environment)
    events = [json.loads(line[6:]) for line in streamed.split("\n") if "{" in line]
    chunks = [event["choices"][0] for event in events if event.get("choices")]
    texts = [chunk["delta"].get("content") or "" for chunk in chunks]
    assert "".join(texts).strip() == said.strip()
    assert run([sys.executable, "-c", python], environment).strip() == said.strip()
    sent = json.loads(nora.answers[-1].request.post_data or "")
    of_javascript = re.search(r"create\((\{.*\})\);", javascript, re.DOTALL)
    assert of_javascript
    assert json.loads(of_javascript[1]) == sent


def run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def edits_and_reloads(nora: Visitor) -> None:
    turns = nora.log.get_by_role("article").count()
    nora.log.get_by_role("button", name="Edit").click()
    nora.sends("Something else altogether?")
    nora.has_answer()
    expect(nora.log).to_contain_text("Something else altogether?")
    expect(nora.log).not_to_contain_text("Two lines")
    assert nora.log.get_by_role("article").count() == turns
    nora.last.get_by_role("button", name="Try again").click()
    nora.has_answer()
    assert nora.log.get_by_role("article").count() == turns

    secret = nora.used_secret
    kept = nora.log.inner_text()
    nora.page.reload()
    expect(nora.log).to_contain_text("Something else altogether?")
    assert nora.log.inner_text() == kept
    expect(nora.page.get_by_label("Seed")).to_have_value("7")
    stored = nora.page.evaluate("JSON.stringify([sessionStorage, localStorage])")
    assert "Something else" in stored
    assert "tf_live" not in stored + nora.page.content()
    assert secret.startswith("tf_live_")


def compares(nora: Visitor) -> None:
    nora.page.get_by_role("button", name="Clear").click()
    nora.page.get_by_role("button", name="Compare two models").click()
    second = nora.page.get_by_role("region", name="Conversation 2")
    expect(second.get_by_role("combobox")).to_have_value(SLOW)
    nora.page.get_by_label("Most tokens").fill("24")
    nora.sends("Who is faster?")
    expect(nora.page.get_by_role("button", name="Stop")).to_be_visible()
    nora.has_answer()
    expect(second.get_by_text("24 output")).to_be_visible()
    expect(second.get_by_text("tokens/s")).to_be_visible()
    asked = [json.loads(one.request.post_data or "") for one in nora.answers[-2:]]
    assert asked[0]["messages"] == asked[1]["messages"]
    assert {one["model"] for one in asked} == {"smollm2-135m-instruct", SLOW}
    nora.screenshots("playground-compared")
    nora.page.get_by_role("button", name="One model").click()
    expect(second).to_have_count(0)


def stops_an_answer(nora: Visitor) -> None:
    nora.page.get_by_label("Most tokens").fill("2000")
    pane = nora.page.get_by_role("region", name="Conversation 1")
    pane.get_by_role("combobox").select_option(SLOW)
    nora.sends("Never end.")
    expect(nora.last).to_contain_text(re.compile(r"[1-9] output"))
    nora.page.get_by_role("button", name="Stop").click()
    nora.has_answer()
    expect(nora.last).to_contain_text("stopped")
    expect(nora.last.locator(".exact")).to_be_visible()
    request_id = nora.answers[-1].headers["x-request-id"]
    told = nora.client.get(f"/usage/requests/{request_id}").json()
    assert told["outcome"] == "client_gone"
    assert told["usage"]["output_tokens"] < 2000
    assert float(nora.cost_shown()) == float(told["usage"]["cost"]) > 0


def sees_what_is_wrong(nora: Visitor) -> None:
    nora.page.get_by_label("Most tokens").fill("100000")
    nora.sends("Too much")
    expect(nora.last.get_by_role("alert")).to_contain_text("invalid_request")
    expect(nora.last).to_contain_text("Correct what the message names")
    nora.screenshots("playground-refused")


def leaves(nora: Visitor) -> None:
    nora.page.get_by_label("Most tokens").fill("8")
    nora.sends("Goodbye")
    nora.has_answer()
    of_the_call = nora.last.get_by_role("link", name="Call").get_attribute("href")
    request_id = nora.answers[-1].headers["x-request-id"]
    assert of_the_call == f"/usage/calls/{request_id}/"
    headers = {"authorization": f"Bearer {nora.used_secret}"}
    assert nora.client.get("/models", headers=headers).status_code == 200
    nora.page.goto(f"{nora.portal}/keys/")
    refused = until(
        lambda: (
            answer
            if (answer := nora.client.get("/models", headers=headers)).is_client_error
            else None
        ),
        seconds=SECONDS_MAX,
    )
    assert refused.json()["error"]["code"] == "expired_api_key"
    kept = nora.page.get_by_role("link", name=re.compile("^Playground of nora"))
    expect(kept).to_be_visible()
