"""Given two tenants on one engine, when one of them reserves the KV of instructions of
1,000 tokens and cleans a hundred rows with it, while the other floods the cache, then
each row of 1,050 tokens pays for 50, the time for which the instruction was held is on
the invoice, both invoices are right to the nano-dollar, and without the reservation the
instruction would have been paid for a hundred times.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.running import RunningTokenfab
from tests.scenarios.leased_talk import (
    Tenant,
    check_invoice,
    quantities,
    wait_until_measured,
)

pytestmark = pytest.mark.slow

ROWS, FLOOD_EVERY = 100, 5
PROMPT_TOKENS, ROW_TOKENS = 1_000, 1_050
NAME = "row-cleaner-v1"
INSTRUCTION = (
    "You clean rows of a table of addresses. Answer with the row alone, its fields in "
    "the order in which they came, names in their usual spelling, numbers as digits."
)
TRIES_MAX = 20

Messages = list[dict[str, str]]


class Clerk(Tenant):
    """Who works with a reserved instruction."""

    def count_tokens(self, messages: Messages, *, opens_reply: bool) -> int:
        body = {
            "model": "default",
            "messages": messages,
            "add_generation_prompt": opens_reply,
        }
        answer = self.client.post("/v1/tokenize", json=body)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["count"])

    def padded(
        self, make: Callable[[str], Messages], tokens: int, *, opens_reply: bool
    ) -> str:
        """Words with which what `make` makes of them has just so many tokens."""
        words = 0
        for _ in range(TRIES_MAX):
            padding = " and" * words
            found = self.count_tokens(make(padding), opens_reply=opens_reply)
            if found == tokens:
                return padding
            words += tokens - found
        raise AssertionError(f"no text of {tokens} tokens was found")

    def clean(self, text: str) -> dict[str, Any]:
        row = [{"role": "user", "content": text}]
        return self.chat(row, cached_prompt=NAME, max_tokens=20)


@pytest.fixture
def clerk(tokenfab: RunningTokenfab) -> Iterator[Clerk]:
    made = Clerk(tokenfab, "Clerk")
    with made.client:
        yield made


def instruction(padding: str) -> Messages:
    return [{"role": "system", "content": INSTRUCTION + padding}]


def row(number: int, padding: str) -> str:
    """Numbers of three digits: each is as many tokens as the other."""
    return f"Row {100 + number}: dr. ADA lovelace,, 12 St James sq, LONDON{padding}"


def flood(stranger: Tenant, number: int) -> None:
    text = f"{number} " + f"Something else {number * number}. " * 450
    stranger.chat([{"role": "user", "content": text}], max_tokens=1)


def test_a_reserved_prompt_cleans_a_hundred_rows(
    clerk: Clerk,
    stranger: Tenant,
    capsys: pytest.CaptureFixture[str],
) -> None:
    messages = instruction(clerk.padded(instruction, PROMPT_TOKENS, opens_reply=False))
    padding = clerk.padded(
        lambda words: [*messages, {"role": "user", "content": row(0, words)}],
        ROW_TOKENS,
        opens_reply=True,
    )

    before = time.monotonic()
    made = clerk.reserve(NAME, messages)
    began = time.monotonic()
    assert made["token_count"] == PROMPT_TOKENS
    for number in range(ROWS):
        if number % FLOOD_EVERY == 0:
            flood(stranger, number)
        answer = clerk.clean(row(number, padding))
        assert answer["usage"]["prompt_tokens"] == ROW_TOKENS
        assert answer["cached_prompt"]["leased_tokens"] == PROMPT_TOKENS
    held_least = time.monotonic() - began
    clerk.give_back(NAME)
    held_most = time.monotonic() - before

    wait_until_measured(clerk, 1)
    invoice, other = clerk.invoice(), stranger.invoice()

    # The instruction once, and of each row what is new.
    new = PROMPT_TOKENS + ROWS * (ROW_TOKENS - PROMPT_TOKENS)
    assert clerk.expected["new"] == new
    assert clerk.expected["cached"] == 0
    assert clerk.expected["leased"] == ROWS * PROMPT_TOKENS
    check_invoice(clerk, invoice)
    check_invoice(stranger, other)
    # Held from the end of the first call to its deletion, and paid by the second.
    held = quantities(invoice)["hbm_mb_s"]
    size = made["kv_bytes"]
    assert size * held_least / 10**6 - 1 <= held <= size * held_most / 10**6
    assert "hbm_mb_s" not in quantities(other)
    assert invoice["total_nanos"] * 5 < clerk.without_leases_nanos
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{ROWS} rows of {ROW_TOKENS:,} tokens, {PROMPT_TOKENS:,} of them"
            f" reserved: {invoice['total_nanos']:,} nanos, with"
            f" {held:,} MB_s held; {clerk.without_leases_nanos:,} if each row read"
            " its instruction anew."
        )
