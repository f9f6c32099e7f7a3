"""Given two tenants on one engine, when one of them talks for twenty turns and pays to
keep its conversation for 15 seconds after each, while the other floods the cache, then
every turn pays for its new tokens only, the time of the leases is on the invoice, both
invoices are right to the nano-dollar, and without leases the talk would have paid for
its beginning at every turn.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.running import RunningTokenfab, own_port

pytestmark = pytest.mark.slow

TURNS, FLOODS = 20, 3
SYSTEM = "You are a careful clerk who answers in one short sentence. " * 12
NANO_USD = {
    "new_input_tokens": 100,
    "cached_input_tokens": 20,
    "output_tokens": 400,
    "hbm_mb_s": 13.5,
}
"""Per unit, as `make up` prices the default model."""
SECONDS_MAX = 60.0


@pytest.fixture(scope="module")
def tokenfab(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningTokenfab]:
    home = tmp_path_factory.mktemp("state")
    running = RunningTokenfab(home, ENGINE="simulator", PORT=own_port())
    try:
        running.wait_until_up()
        api = running.endpoints()["api"]
        deadline = time.monotonic() + SECONDS_MAX
        while httpx.get(f"{api}/readyz").status_code != 200:
            assert time.monotonic() < deadline, "no engine became ready"
            time.sleep(0.05)
        yield running
        assert running.stop() == 0
    finally:
        running.clean_up()


class Tenant:
    def __init__(self, running: RunningTokenfab, name: str) -> None:
        self.running, self.name = running, name
        opened = running.manage("open_tenant", name, "--issue-key")
        assert opened.returncode == 0, opened.stderr
        secret = opened.stdout.split()[-1]
        self.client = httpx.Client(
            base_url=running.endpoints()["api"],
            headers={"authorization": f"Bearer {secret}"},
            timeout=30,
        )
        self.expected = dict.fromkeys(("new", "cached", "leased", "output"), 0)
        self.without_leases_nano_usd = 0

    def chat(self, messages: list[Any], **fields: Any) -> dict[str, Any]:
        body = {"model": "default", "messages": messages, **fields}
        answer = self.client.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        self.count(found)
        return found

    def count(self, answer: dict[str, Any]) -> None:
        usage = answer["usage"]
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        previous = (answer.get("kv_lease") or {}).get("previous") or {}
        leased = previous.get("leased_tokens", 0)
        beyond = max(0, cached - leased)
        self.expected["leased"] += leased
        self.expected["cached"] += beyond
        self.expected["new"] += usage["prompt_tokens"] - leased - beyond
        self.expected["output"] += usage["completion_tokens"]
        self.without_leases_nano_usd += (
            usage["prompt_tokens"] * 100 + usage["completion_tokens"] * 400
        )

    def release(self, lease: str) -> dict[str, Any]:
        answer = self.client.delete(f"/v1/kv_leases/{lease}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def invoice(self) -> dict[str, Any]:
        month = datetime.now(UTC).replace(day=1) + timedelta(days=32)
        until = f"{month:%Y-%m}-01"
        closed = self.running.manage(
            "close_period", "--tenant", self.name, "--until", until
        )
        assert closed.returncode == 0, closed.stderr
        found: dict[str, Any] = json.loads(closed.stdout)
        return found


@pytest.fixture
def tenant(tokenfab: RunningTokenfab) -> Iterator[Tenant]:
    made = Tenant(tokenfab, "Clerk")
    with made.client:
        yield made


@pytest.fixture
def stranger(tokenfab: RunningTokenfab) -> Iterator[Tenant]:
    made = Tenant(tokenfab, "Stranger")
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


def measured_leases(running: RunningTokenfab) -> int:
    """How many of them are in the rollups."""
    code = (
        "from metering.lease_models import LeaseInterval as I;"
        "from metering.models import OpenHour as H;"
        "print(0 if H.objects.exists() else I.objects.count())"
    )
    found = running.manage("shell", "-v", "0", "-c", code)
    assert found.returncode == 0, found.stderr
    return int(found.stdout.split()[-1])


def quantities(invoice: dict[str, Any]) -> dict[str, int]:
    return {line["meter"]: line["quantity"] for line in invoice["lines"]}


def test_a_leased_conversation_pays_for_its_new_tokens(
    tokenfab: RunningTokenfab,
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

    deadline = time.monotonic() + SECONDS_MAX
    while measured_leases(tokenfab) < TURNS:
        assert time.monotonic() < deadline, tokenfab.output.read_text()[-3000:]
    invoice, other = tenant.invoice(), stranger.invoice()

    for whose, document in ((tenant, invoice), (stranger, other)):
        found, wanted = quantities(document), whose.expected
        assert found.get("new_input_tokens", 0) == wanted["new"]
        assert found.get("cached_input_tokens", 0) == wanted["cached"]
        assert found.get("output_tokens", 0) == wanted["output"]
        for line in document["lines"]:
            amount = line["quantity"] * NANO_USD[line["meter"]]
            assert abs(line["amount_nano_usd"] - amount) <= 0.5
        amounts = [line["amount_nano_usd"] for line in document["lines"]]
        assert document["total_nano_usd"] == sum(amounts)
    # One lease is held at a time, and none is larger than the last.
    largest = max(one["bytes"] for one in told)
    assert 0 < quantities(invoice)["hbm_mb_s"] <= largest * held_seconds / 10**6
    assert "hbm_mb_s" not in quantities(other)
    assert invoice["total_nano_usd"] * 3 < tenant.without_leases_nano_usd
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{TURNS} turns, {sum(one['tokens'] for one in told[:-1]):,} tokens"
            f" leased, {tenant.expected['leased']:,} of them reused:"
            f" {invoice['total_nano_usd']:,} nano-USD with leases"
            f" ({quantities(invoice)['hbm_mb_s']:,} MB_s held),"
            f" {tenant.without_leases_nano_usd:,} if every turn read it all anew."
        )
