"""The chaos run's judgement of leases finds what it is there to find."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.chaos.facts import Event
from benchmarks.chaos.lease_facts import Interval, Lease, LeaseBooks, Receipt
from benchmarks.chaos.lease_verdict import held_nanos, lease_problems

LEASE, CALL = "1e" * 16, "ca" * 16
PLACE: dict[str, Any] = {"lease_id": LEASE, "engine_id": 1, "epoch": "7"}
EVENT = Event(
    event_id=CALL,
    tenant_id=5,
    api_key_id=6,
    outcome="completed",
    usage_source="engine",
    input_tokens=100,
    cached_input_tokens=0,
    output_tokens=8,
    cost_nanos=13_200,
    received_at_us=900_000,
    day="2026-11-21",
    engine_id=1,
    lease_id=LEASE,
    lease_expires_at_ms=16_000,
    leased_input_tokens=0,
    lease_cost_nanos=2_025,
)


def receipt(sequence, fact, at_ms, until_ms, **changes):
    told = Receipt(
        **PLACE,
        sequence=sequence,
        is_inferred=False,
        fact=fact,
        tier="hbm",
        bytes=10_000_000,
        at_ms=at_ms,
        until_ms=until_ms,
        host_until_ms=0,
        reason="",
    )
    return replace(told, **changes)


GRANTED = receipt(1, "granted", 1_000, 21_000)
RELEASED = receipt(2, "released", 11_000, 11_000)
HELD = Lease(
    **PLACE,
    tenant_id="5",
    state="released",
    granted_ms=1_000,
    ended_ms=11_000,
    is_measured=True,
)
INTERVAL = Interval(
    **PLACE,
    tenant_id=5,
    api_key_id=6,
    event_id=CALL,
    tier="hbm",
    bytes=10_000_000,
    started_ms=1_000,
    ended_ms=11_000,
    mb_s=100,
    credit_reason="",
    rate_nanos_per_million=13_500_001,
    day="2026-11-21",
)


def books(*, receipts=(GRANTED, RELEASED), leases=(HELD,), intervals=(INTERVAL,)):
    return LeaseBooks(
        receipts=list(receipts), leases=list(leases), intervals=list(intervals)
    )


def test_it_works():
    assert lease_problems(books(), [EVENT]) == []
    assert held_nanos([INTERVAL], 5)["key:6:day:2026-11-21"] == 1_351
    assert held_nanos([INTERVAL], 4) == {}


@pytest.mark.parametrize(
    ("found", "events", "says"),
    [
        (books(receipts=[GRANTED, GRANTED, RELEASED]), [EVENT], "lost or doubled"),
        (books(receipts=[replace(RELEASED, sequence=3), GRANTED]), [EVENT], "lost or"),
        (books(leases=[replace(HELD, is_measured=False)]), [EVENT], "not measured"),
        (books(intervals=[]), [EVENT], "by its receipts"),
        (books(intervals=[replace(INTERVAL, mb_s=99)]), [EVENT], "by its receipts"),
        (books(intervals=[INTERVAL, INTERVAL]), [EVENT], "charged twice"),
        (
            books(intervals=[INTERVAL, replace(INTERVAL, epoch="8")]),
            [EVENT],
            "lay in 2 engines",
        ),
        (books(), [], "no call bought it"),
        (books(), [replace(EVENT, outcome="unbilled")], "no call bought it"),
        (books(), [replace(EVENT, tenant_id=4)], "was bought by"),
        (books(), [replace(EVENT, lease_expires_at_ms=9_000)], "more is charged"),
    ],
)
def test_it_finds_what_is_wrong(found, events, says):
    assert any(says in problem for problem in lease_problems(found, events))
