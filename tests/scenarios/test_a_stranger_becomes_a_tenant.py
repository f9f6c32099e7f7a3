"""Given a machine on which nobody has an account, when a stranger signs up, makes a key
and calls the model twice, then the engine answers in sensible English, both calls are
on the usage page with their exact tokens within ten seconds, the draft invoice and the
issued one charge exactly them, and the engine itself counts not one token more or less.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from playwright.sync_api import Browser, Page, expect

from config.environment import REPOSITORY
from tests.engine_contract.engines import EngineUnderTest
from tests.engine_contract.vllm_fixture import require_vllm
from tests.frontend.browser.chromium import SCREENSHOTS
from tests.running import RunningTokenfab, own_port
from tests.scenarios.leased_talk import (
    Tenant,
    check_invoice,
    quantities,
    wait_until_measured,
)

pytestmark = [pytest.mark.engine, pytest.mark.browser, pytest.mark.slow]

MODEL = "smollm2-135m-instruct"
QUESTION = "What is the capital of France?"
NEW_INPUT_NANOS, CACHED_INPUT_NANOS, OUTPUT_NANOS = 100, 20, 400
"""Per token, as `make up` prices the default model."""
LEASED_TURNS = 4
SHOWN_SECONDS_MAX = 10.0
LOAD_SECONDS_MAX = 300.0


def until(condition: Callable[[], Any], *, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "It did not come true in time."
        time.sleep(0.05)
    return value


@pytest.fixture(scope="module")
def tokenfab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTokenfab]:
    require_vllm()
    models = os.environ.get("ENGINE_MODELS") or str(REPOSITORY / "var" / "models")
    running = RunningTokenfab(
        tmp_path_factory.mktemp("state"),
        ENGINE="vllm",
        ENGINE_MODELS=models,
        PORT=own_port(),
    )
    try:
        running.wait_until_up()
        api = running.endpoints()["api"]
        until(
            lambda: httpx.get(f"{api}/readyz").status_code == 200,
            seconds=LOAD_SECONDS_MAX,
        )
        yield running
        assert running.stop() == 0
    finally:
        running.clean_up()


def totals(home: Path) -> tuple[float, float]:
    """(prompt tokens by all sources, generated tokens), as the engine counts them."""
    socket = home / "run" / "engine.sock"
    engine = EngineUnderTest(socket=socket, key="none-for-metrics", model=MODEL)
    counters = engine.counters()
    prompt = sum(
        value
        for name, value in counters.items()
        if name.startswith("vllm:prompt_tokens_by_source_total")
    )
    return prompt, counters["vllm:generation_tokens_total"]


def sign_up(page: Page, portal: str) -> str:
    """Returns the secret of the first key."""
    page.goto(portal)
    page.get_by_role("link", name="Sign up and get a key").click()
    page.get_by_label("Email").fill("nora@new.example")
    page.get_by_label("Password").fill("a quiet harbour")
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    page.get_by_label("Code").fill(read_code(page, portal))
    page.get_by_role("button", name="Confirm").click()
    page.get_by_role("button", name="Create the key").click()
    return page.locator("#secret").input_value()


def read_code(page: Page, portal: str) -> str:
    mailbox = page.context.new_page()
    mailbox.goto(f"{portal}/dev/mailbox/")
    mailbox.get_by_role("link", name=re.compile("Your Tokenfab code")).click()
    code = mailbox.locator("#mail-code").input_value()
    mailbox.close()
    return code


def call_twice(api: str, secret: str) -> list[Any]:
    """The usage of one whole and one streamed answer."""
    client = openai.OpenAI(base_url=f"{api}/v1", api_key=secret, max_retries=0)
    with client:
        whole = client.chat.completions.create(
            model="default",
            messages=[{"role": "user", "content": QUESTION}],
            max_tokens=30,
            temperature=0,
        )
        assert "Paris" in (whole.choices[0].message.content or "")
        stream = client.chat.completions.create(
            model="default",
            messages=[{"role": "user", "content": QUESTION}],
            max_tokens=30,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert "Paris" in text
    return [whole.usage, chunks[-1].usage]


def cost_nanos(usage: Any) -> int:
    cached = usage.prompt_tokens_details.cached_tokens
    return int(
        (usage.prompt_tokens - cached) * NEW_INPUT_NANOS
        + cached * CACHED_INPUT_NANOS
        + usage.completion_tokens * OUTPUT_NANOS
    )


def billed_quantities(invoice: dict[str, Any]) -> dict[str, int]:
    return {line["meter"]: line["quantity"] for line in invoice["lines"]}


def test_a_stranger_becomes_a_tenant(
    tokenfab: RunningTokenfab, browser: Browser
) -> None:
    endpoints = tokenfab.endpoints()
    portal, api = endpoints["portal"], endpoints["api"]
    prompt_before, generated_before = totals(tokenfab.home)

    page = browser.new_context().new_page()
    secret = sign_up(page, portal)
    usages = call_twice(api, secret)
    answered = time.monotonic()

    # The second call found the first block of the same prompt in the prefix cache.
    assert usages[1].prompt_tokens_details.cached_tokens > 0
    expect(page.get_by_text("Your first call has arrived.")).to_be_visible()
    calls = page.context.new_page()
    calls.goto(f"{portal}/usage/calls/")
    until(lambda: rows_of(calls) == 2, seconds=SHOWN_SECONDS_MAX)
    assert time.monotonic() - answered < SHOWN_SECONDS_MAX
    for usage in usages:
        cells = f"{usage.prompt_tokens}", f"{usage.completion_tokens}"
        for cell in cells:
            expect(
                calls.get_by_role("cell", name=cell, exact=True).first
            ).to_be_visible()
    calls.screenshot(path=SCREENSHOTS / "scenario-usage.png", full_page=True)

    expected = sum(map(cost_nanos, usages))
    draft = until(
        lambda: draft_of(calls, portal, expected),
        seconds=SHOWN_SECONDS_MAX,
    )
    prompt_after, generated_after = totals(tokenfab.home)
    billed = billed_quantities(draft)
    billed_input = billed["new_input_tokens"] + billed["cached_input_tokens"]
    assert billed_input == prompt_after - prompt_before
    assert billed["output_tokens"] == generated_after - generated_before

    closed = tokenfab.manage(
        "close_period", "--tenant", "nora", "--until", next_month(draft)
    )
    assert closed.returncode == 0, closed.stderr
    issued = json.loads(closed.stdout)
    # Two calls cost less than half a cent, so nothing is due.
    assert (issued["status"], issued["total_cents"]) == ("paid", 0)
    assert issued["total_nanos"] == expected
    assert billed_quantities(issued) == billed
    page.goto(f"{portal}/invoices/")
    expect(page.get_by_text(issued["number"]).first).to_be_visible()


def rows_of(page: Page) -> int:
    """Calls on the page of requests, as it is after a reload."""
    page.reload()
    return page.locator("main tbody tr").count()


def draft_of(page: Page, portal: str, expected: int) -> dict[str, Any] | None:
    """The draft as the page offers it for download, once it charges `expected`."""
    page.goto(f"{portal}/invoices/")
    links = page.locator("tbody a")
    if links.count() == 0:
        return None
    links.first.click()
    expect(page.get_by_text("Draft").first).to_be_visible()
    answer = page.context.request.get(page.url.rstrip("/") + "/json/")
    draft: dict[str, Any] = answer.json()
    return draft if draft["total_nanos"] == expected else None


def next_month(invoice: dict[str, Any]) -> str:
    return str(invoice["period_end"])[:10]


def test_its_conversation_is_kept_between_turns(tokenfab: RunningTokenfab) -> None:
    """On the real engine, another tenant's prompts between the turns."""
    tenant, stranger = Tenant(tokenfab, "Talker"), Tenant(tokenfab, "Passer-by")
    messages = [{"role": "system", "content": "You answer in one short sentence."}]
    told: list[dict[str, Any]] = []
    lease: dict[str, Any] = {}
    with tenant.client, stranger.client:
        for number in range(LEASED_TURNS):
            messages.append({"role": "user", "content": f"{QUESTION} ({number})"})
            answer = tenant.chat(
                messages, max_tokens=40, kv_retention={"timeout": "5m"}, **lease
            )
            messages.append(answer["choices"][0]["message"])
            told.append(answer["kv_lease"])
            lease = {"kv_lease": answer["kv_lease"]["id"]}
            stranger.chat([{"role": "user", "content": f"Say {number}."}], max_tokens=2)
        assert tenant.release(lease["kv_lease"])["status"] == "released"
    for before, after in pairwise(told):
        assert before["status"] == "granted"
        assert after["previous"]["outcome"] == "reused"
        assert after["previous"]["leased_tokens"] == before["tokens"] > 0
    wait_until_measured(tenant, LEASED_TURNS)
    invoice = tenant.invoice()
    check_invoice(tenant, invoice)
    assert quantities(invoice)["hbm_mb_s"] > 0
    check_invoice(stranger, stranger.invoice())


def test_its_cached_prompt_is_what_calls_begin_with(tokenfab: RunningTokenfab) -> None:
    """On the real engine: by name, and by an equal beginning."""
    tenant, stranger = Tenant(tokenfab, "Clerk"), Tenant(tokenfab, "Onlooker")
    text = "You tidy rows of addresses, and answer with the row alone. " * 5
    instruction = [{"role": "system", "content": text}]
    with tenant.client, stranger.client:
        made = tenant.reserve("tidy", instruction)
        for number in range(LEASED_TURNS):
            row = [{"role": "user", "content": f"Row {number}: 12 st james sq,london"}]
            named = tenant.chat(row, max_tokens=8, cached_prompt="tidy")
            whole = tenant.chat([*instruction, *row], max_tokens=8)
            assert whole["usage"]["prompt_tokens"] == named["usage"]["prompt_tokens"]
            for answer in (named, whole):
                told = answer["cached_prompt"]
                assert told["leased_tokens"] == made["token_count"] > 0
                assert told["absorbed_tokens"] < made["block_size"]
            theirs = stranger.chat([*instruction, *row], max_tokens=1)
            assert "cached_prompt" not in theirs
        tenant.give_back("tidy")
    wait_until_measured(tenant, 1)
    invoice = tenant.invoice()
    check_invoice(tenant, invoice)
    assert quantities(invoice)["hbm_mb_s"] > 0
    check_invoice(stranger, stranger.invoice())
