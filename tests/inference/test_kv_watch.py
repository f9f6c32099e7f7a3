"""Leases held against KV events; the engine's side is the real one."""

import asyncio

import pytest

from inference.domain import lease_control
from inference.domain.kv_feed import KvFact, KvFeed
from inference.domain.lease_control import OneLease
from inference.domain.lease_receipt import Reason
from inference.domain.lease_terms import Tier
from inference.kv_watch import KvWatch
from tests.inference.domain.test_lease_keeper import make_keeper, turn
from tests.inference.lease_samples import names, terms

OURS = {"lease_id": "kvl_1", "tenant_id": "a"}


class Engine:
    """One whose pool and whose table of leases a test may set at odds."""

    def __init__(self, **limits):
        self.feed = KvFeed(**limits)
        self.keeper, self.pool = make_keeper(kv=self.feed)
        self.asked = []
        self.watch = KvWatch(self.ask)

    async def ask(self, operation, asked):
        self.asked.append(operation)
        return lease_control.answer(self.keeper, operation, asked)

    def lease(self, lease_id, blocks):
        self.feed.tell(KvFact.STORED, Tier.HBM, names(blocks))
        turn(self.keeper, terms(lease_id), blocks, request_id=lease_id)

    def drop(self, blocks):
        self.feed.tell(KvFact.REMOVED, Tier.HBM, names(blocks))
        self.pool.lost |= set(blocks)

    def look(self, times=1):
        async def looks():
            for _ in range(times):
                self.watch._due_at = 0
                await self.watch.look_if_due()

        asyncio.run(looks())

    def is_verified(self, lease_id="kvl_1"):
        one = OneLease(lease_id=lease_id, tenant_id="a")
        return lease_control.get(self.keeper, one).verified

    def receipts(self):
        return self.keeper.feed.after(0, count_max=100)


@pytest.fixture
def engine():
    return Engine()


def test_it_works(engine):
    engine.lease("kvl_1", [1, 2])
    engine.look()
    assert engine.is_verified()
    assert engine.keeper.disproved == 0


def test_a_lease_whose_blocks_are_gone_is_lost_at_the_second_look(engine):
    engine.lease("kvl_1", [1, 2])
    engine.lease("kvl_2", [3])
    engine.drop([2])
    engine.look()
    assert len(engine.keeper.table) == 2
    engine.look()
    lost = engine.receipts()[-1]
    assert (lost.lease_id, lost.reason) == ("kvl_1", Reason.NOT_VERIFIED)
    assert engine.is_verified("kvl_2")
    assert engine.pool.pinned == {3}


def test_blocks_that_come_late_are_waited_for(engine):
    turn(engine.keeper, terms(), [1, 2])
    engine.look()
    assert not engine.is_verified()
    engine.feed.tell(KvFact.STORED, Tier.HBM, names([1, 2]))
    engine.look(times=2)
    assert engine.is_verified()


def test_one_lease_is_proven_at_once(engine):
    engine.lease("kvl_1", [1, 2])
    asyncio.run(engine.watch.prove(**OURS))
    assert engine.is_verified()
    engine.drop([1])
    engine.keeper.table.find(**OURS).proven_ms = 0
    for _ in range(3):
        asyncio.run(engine.watch.prove(**OURS))
    assert not engine.is_verified()
    assert len(engine.keeper.table) == 1


def test_it_proves_nothing_of_a_lease_that_is_not_there(engine):
    asyncio.run(engine.watch.prove(**OURS))
    assert engine.asked == ["claim"]


def test_after_a_gap_it_begins_anew_from_what_lies_there():
    engine = Engine(hashes_max=4)
    engine.lease("kvl_1", [1, 2])
    engine.look()
    for block in range(10, 20):
        engine.feed.tell(KvFact.STORED, Tier.HBM, names([block]))
    engine.look(times=2)
    assert "kv_blocks" in engine.asked
    assert engine.is_verified()


def test_what_was_lost_in_a_gap_is_found():
    engine = Engine(hashes_max=4)
    engine.lease("kvl_1", [1, 2])
    engine.look()
    engine.drop([1])
    for block in range(10, 20):
        engine.feed.tell(KvFact.STORED, Tier.HBM, names([block]))
    engine.look(times=2)
    assert engine.receipts()[-1].reason is Reason.NOT_VERIFIED


def test_it_asks_no_more_than_for_claims_while_there_are_none(engine):
    engine.feed.tell(KvFact.STORED, Tier.HBM, names([1]))
    engine.look(times=3)
    assert engine.asked == ["claims"] * 3


def test_it_looks_once_a_second_at_most(engine):
    async def looks():
        for _ in range(3):
            await engine.watch.look_if_due()

    asyncio.run(looks())
    assert engine.asked == ["claims"]


def test_many_leases_are_looked_at_in_parts(engine, monkeypatch):
    monkeypatch.setattr("inference.domain.kv_control.HASHES_TOLD_MAX", 3)
    for number in range(3):
        engine.lease(f"kvl_{number}", [2 * number, 2 * number + 1])
    engine.drop([5])
    for _ in range(3):
        engine.look()
    assert [engine.is_verified(f"kvl_{number}") for number in range(2)] == [True] * 2
    assert len(engine.keeper.table) == 3
    engine.look(times=3)
    assert engine.receipts()[-1].reason is Reason.NOT_VERIFIED
