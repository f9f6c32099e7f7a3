"""A turn in time whose lease would end before it reaches its engine."""

import asyncio
import contextlib
import time
from pathlib import Path

import httpx
import pytest

from inference.domain.lease_row import LeaseRow
from inference.domain.lease_terms import GRACE_MS
from inference.wire import EngineAddress
from metering.proxy.lease_listener import LeaseListener
from metering.proxy.lease_waiting import LeaseWaiting
from metering.proxy.upstream import Engine
from tests.metering.proxy.conftest import ENGINE_KEY, until
from tests.metering.proxy.talk import Talk, forget_leases

LOOK_SECONDS = 0.02


class Control:
    """The engine's own routes about leases."""

    def __init__(self, path: Path) -> None:
        self.address = EngineAddress(engine_id=1, name="e1", address=f"unix:{path}")
        self.client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)),
            headers={"authorization": f"Bearer {ENGINE_KEY}"},
            base_url="http://engine/v1/tokenfab",
        )

    def graces(self, lease_id):
        receipts = self.client.get("/lease_events", params={"sequence": 0}).json()
        return [
            one
            for one in receipts["receipts"]
            if (one["lease_id"], one["reason"]) == (lease_id, "turn_waits")
        ]


@pytest.fixture
def control(plane):
    made = Control(plane.engines[1])
    with made.client:
        yield made


@pytest.fixture
def row(plane):
    """A lease for 600 ms."""
    forget_leases(plane)
    lease = Talk(plane, timeout="0.6s").turn("Hi.")["kv_lease"]
    assert lease["status"] == "granted"
    now_ms = time.time_ns() // 1_000_000
    return LeaseRow(
        lease_id=lease["id"].removeprefix("kvl_"),
        tenant_id=1,
        project_id=11,
        model="m",
        engine_id=1,
        epoch="e",
        tokens=lease["tokens"],
        bytes=lease["bytes"],
        last_hash="",
        tier=lease["tier"],
        granted_at_ms=now_ms,
        expires_at_ms=now_ms + 600,
    )


@contextlib.asynccontextmanager
async def waiting_for(row, address):
    engine = Engine(address, connect_seconds=1.0)
    listener = LeaseListener(engine, engine_key=ENGINE_KEY)
    waiting = LeaseWaiting(row, listener, look_seconds=LOOK_SECONDS)
    yield waiting
    waiting.stop()
    engine.close_idle()
    await asyncio.sleep(0)


def test_it_works(control, row):
    """Nothing while it is sold, then one grace after the other, until it is sent."""

    async def wait() -> None:
        async with waiting_for(row, control.address) as waiting:
            await asyncio.to_thread(until, lambda: len(graces()) >= 3)
            waiting.stop()
            await asyncio.sleep(3 * LOOK_SECONDS)
            told = len(graces())
            await asyncio.sleep(5 * LOOK_SECONDS)
            assert len(graces()) == told

    def graces():
        return control.graces(row.lease_id)

    asyncio.run(wait())
    for one in graces():
        assert one["at_ms"] >= row.expires_at_ms
        assert one["until_ms"] == one["at_ms"] + GRACE_MS


def test_an_engine_that_is_away_stops_nothing(row):
    nowhere = EngineAddress(engine_id=1, name="e1", address="unix:/nonexistent")

    async def wait() -> None:
        async with waiting_for(row, nowhere):
            await asyncio.sleep(row.expires_at_ms / 1000 - time.time() + 0.2)

    asyncio.run(wait())


def test_a_turn_that_is_sent_at_once_asks_for_none(plane, control):
    forget_leases(plane)
    talk = Talk(plane)
    lease = talk.turn("Hi.")["kv_lease"]
    assert talk.turn("Ho.")["kv_lease"]["previous"]["outcome"] == "reused"
    until(lambda: plane.metric("tokenfab_proxy_calls_in_flight") == 0)
    assert control.graces(lease["id"].removeprefix("kvl_")) == []
