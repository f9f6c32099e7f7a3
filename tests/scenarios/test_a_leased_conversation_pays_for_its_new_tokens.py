"""Given two tenants on one engine, when one of them talks for twenty turns and pays to
keep its conversation for 15 seconds after each, while the other floods the cache, then
every turn pays for its new tokens only, the time of the leases is on the invoice, both
invoices are right to the nano-dollar, and without leases the talk would have paid for
its beginning at every turn.
"""

import time
from collections.abc import Iterator
from itertools import pairwise
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

TURNS, FLOODS = 20, 3
SYSTEM = "You are a careful clerk who answers in one short sentence. " * 12


@pytest.fixture
def tenant(tokenfab: RunningTokenfab) -> Iterator[Tenant]:
    made = Tenant(tokenfab, "Clerk")
    with made.client:
        yield made


def talk(tenant: Tenant, stranger: Tenant) -> tuple[list[dict[str, Any]], str]:
    """What each turn told of its lease, and the last lease."""
    messages = [{"role": "system", "content": SYSTEM}]
    told: list[dict[str, Any]] = []
    lease: dict[str, Any] = {}
    for number in range(TURNS):
        messages.append({"role": "user", "content": f"Row {number}: tidy it, please."})
        answer = tenant.chat(
            messages, max_tokens=60, kv_retention={"timeout": "15s"}, **lease
        )
        messages.append(answer["choices"][0]["message"])
        told.append(answer["kv_lease"])
        lease = {"kv_lease": answer["kv_lease"]["id"]}
        for flood in range(FLOODS):
            text = f"{number} {flood} " + f"Something else {number * flood}. " * 500
            stranger.chat([{"role": "user", "content": text}], max_tokens=1)
    return told, lease["kv_lease"]


def test_a_leased_conversation_pays_for_its_new_tokens(
    tenant: Tenant,
    stranger: Tenant,
    capsys: pytest.CaptureFixture[str],
) -> None:
    began = time.monotonic()
    told, last = talk(tenant, stranger)

    for before, after in pairwise(told):
        assert before["status"] == "granted"
        assert after["previous"]["outcome"] == "reused"
        assert after["previous"]["leased_tokens"] == before["tokens"]
    assert sum(one["previous"]["absorbed_tokens"] for one in told[1:]) == 0
    assert tenant.release(last)["status"] == "released"
    held_seconds = time.monotonic() - began

    wait_until_measured(tenant, TURNS)
    invoice, other = tenant.invoice(), stranger.invoice()

    check_invoice(tenant, invoice)
    check_invoice(stranger, other)
    # One lease is held at a time, and none is larger than the last.
    largest = max(one["bytes"] for one in told)
    assert 0 < quantities(invoice)["hbm_mb_s"] <= largest * held_seconds / 10**6
    assert "hbm_mb_s" not in quantities(other)
    assert invoice["total_nanos"] * 3 < tenant.without_leases_nanos
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{TURNS} turns, {sum(one['tokens'] for one in told[:-1]):,} tokens"
            f" leased, {tenant.expected['leased']:,} of them reused:"
            f" {invoice['total_nanos']:,} nanos with leases"
            f" ({quantities(invoice)['hbm_mb_s']:,} MB_s held),"
            f" {tenant.without_leases_nanos:,} if every turn read it all anew."
        )
