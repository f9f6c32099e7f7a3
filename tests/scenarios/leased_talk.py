"""A tenant that talks under leases, and what it expects on its invoice."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.running import RunningTokenfab, own_port

NANOS = {
    "new_input_tokens": 100,
    "cached_input_tokens": 20,
    "output_tokens": 400,
    "hbm_mb_s": 13.5,
}
"""Per unit, as `make up` prices the default model."""
SECONDS_MAX = 60.0


@contextmanager
def running_on_a_simulator(home: Path) -> Iterator[RunningTokenfab]:
    """Whose engine answers; it must stop well."""
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
        self.without_leases_nanos = 0

    def chat(self, messages: list[Any], **fields: Any) -> dict[str, Any]:
        body = {"model": "default", "messages": messages, **fields}
        answer = self.client.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        self.count(found)
        return found

    def reserve(self, name: str, messages: list[Any]) -> dict[str, Any]:
        body = {"name": name, "model": "default", "messages": messages, "ttl": "1h"}
        answer = self.client.post("/v1/cached_prompts", json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        assert made["status"] == "ready"
        self.expected["new"] += made["usage"]["prompt_tokens"]
        return made

    def give_back(self, name: str) -> None:
        answer = self.client.delete(f"/v1/cached_prompts/{name}")
        assert answer.status_code == 200, answer.text

    def count(self, answer: dict[str, Any]) -> None:
        usage = answer["usage"]
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        previous = (answer.get("kv_lease") or {}).get("previous") or {}
        told = answer.get("cached_prompt") or previous
        leased = told.get("leased_tokens", 0)
        beyond = max(0, cached - leased)
        self.expected["leased"] += leased
        self.expected["cached"] += beyond
        self.expected["new"] += usage["prompt_tokens"] - leased - beyond
        self.expected["output"] += usage["completion_tokens"]
        self.without_leases_nanos += (
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


def measured_leases(tenant: Tenant) -> int:
    """How many of the tenant's are in the rollups."""
    code = (
        "from metering.lease_models import LeaseInterval as I;"
        "from metering.models import OpenHour as H;"
        "from tenants.models import Tenant as T;"
        f"tenant_id = T.objects.get(name={tenant.name!r}).pk;"
        "print(0 if H.objects.exists() else I.objects.of_tenant(tenant_id).count())"
    )
    found = tenant.running.manage("shell", "-v", "0", "-c", code)
    assert found.returncode == 0, found.stderr
    return int(found.stdout.split()[-1])


def quantities(invoice: dict[str, Any]) -> dict[str, int]:
    return {line["meter"]: line["quantity"] for line in invoice["lines"]}


def wait_until_measured(tenant: Tenant, leases: int) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while measured_leases(tenant) < leases:
        said = tenant.running.output.read_text()
        assert time.monotonic() < deadline, said[-3000:]


def check_invoice(tenant: Tenant, invoice: dict[str, Any]) -> None:
    """To the nano-dollar: what the answers told, and no more."""
    found, wanted = quantities(invoice), tenant.expected
    assert found.get("new_input_tokens", 0) == wanted["new"]
    assert found.get("cached_input_tokens", 0) == wanted["cached"]
    assert found.get("output_tokens", 0) == wanted["output"]
    for line in invoice["lines"]:
        amount = line["quantity"] * NANOS[line["meter"]]
        assert abs(line["amount_nanos"] - amount) <= 0.5
    amounts = [line["amount_nanos"] for line in invoice["lines"]]
    assert invoice["total_nanos"] == sum(amounts)
