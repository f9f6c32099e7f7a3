import json

import pytest

from inference.domain import kv_control, lease_control
from inference.domain.kv_control import (
    ClaimOf,
    ClaimsAfter,
    Judgement,
    KvEventsAfter,
)
from inference.domain.kv_feed import KvFact, KvFeed
from inference.domain.lease_control import PROOF_MS_MAX, EventsAfter, OneLease
from inference.domain.lease_host import LowerHoldings
from inference.domain.lease_receipt import Fact, Reason
from inference.domain.lease_table import UnknownLeaseError
from inference.domain.lease_terms import Tier
from tests.inference.domain.test_lease_keeper import make_keeper, turn
from tests.inference.lease_samples import NOW, Memory, names, terms

OURS = {"lease_id": "kvl_1", "tenant_id": "a"}


@pytest.fixture
def clock():
    return [NOW]


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def keeper(clock, memory):
    feed = KvFeed()
    feed.tell(KvFact.STORED, Tier.HBM, names([1, 2]))
    host = LowerHoldings(memory, tenant_percent=50)
    made, _ = make_keeper(kv=feed, clock=lambda: clock[0], host=host)
    turn(made, terms(host_ttl_ms=600_000), [1, 2])
    return made


def is_verified(keeper):
    return lease_control.get(keeper, OneLease(**OURS)).verified


def test_it_works(keeper):
    told = kv_control.claims(keeper, ClaimsAfter())
    assert (told.epoch, told.kv_sequence, told.is_last) == ("1", 1, True)
    (claim,) = told.claims
    assert (claim.lease_id, claim.tier) == ("kvl_1", Tier.HBM)
    assert claim.names == names([1, 2])
    assert kv_control.claim(keeper, ClaimOf(**OURS)) == told
    events = kv_control.kv_events(keeper, KvEventsAfter())
    assert [one.hashes for one in events.events] == [names([1, 2])]
    blocks = kv_control.kv_blocks(keeper)
    assert blocks.names == {
        Tier.HBM: list(names([1, 2])),
        Tier.HOST: list(names([1, 2])),
    }


def test_a_proof_counts_for_a_time(keeper, clock):
    assert not is_verified(keeper)
    kv_control.judge(keeper, Judgement(proven=["kvl_1", "kvl_gone"]))
    keeper.table.find(**OURS).until_ms += 2 * PROOF_MS_MAX
    assert is_verified(keeper)
    clock[0] += PROOF_MS_MAX
    assert not is_verified(keeper)


def test_a_proof_is_of_the_tier_where_it_lay(keeper, clock):
    kv_control.judge(keeper, Judgement(proven=["kvl_1"]))
    clock[0] += 15_000
    keeper.sweep()
    state = lease_control.get(keeper, OneLease(**OURS))
    assert (state.tier, state.verified) == (Tier.HOST, False)
    (claim,) = kv_control.claims(keeper, ClaimsAfter()).claims
    assert claim.tier is Tier.HOST


def test_a_disproved_lease_is_lost(keeper):
    verdict = Judgement(disproved=[("kvl_1", Tier.HBM)])
    assert kv_control.judge(keeper, verdict).lost == 1
    lost = lease_control.events(keeper, EventsAfter()).receipts[-1]
    assert (lost.fact, lost.reason) == (Fact.LOST, Reason.NOT_VERIFIED)
    assert lease_control.status(keeper).disproved == 1
    assert kv_control.judge(keeper, verdict).lost == 0
    assert lease_control.status(keeper).disproved == 1


def test_what_was_wanting_in_another_tier_is_not_lost(keeper):
    verdict = Judgement(disproved=[("kvl_1", Tier.HOST), ("kvl_gone", Tier.HBM)])
    assert kv_control.judge(keeper, verdict).lost == 0
    assert len(keeper.table) == 1


def test_many_claims_are_told_in_parts(keeper, monkeypatch):
    monkeypatch.setattr(kv_control, "HASHES_TOLD_MAX", 3)
    turn(keeper, terms("kvl_2"), [3])
    first = kv_control.claims(keeper, ClaimsAfter())
    rest = kv_control.claims(keeper, ClaimsAfter(skip=1))
    assert [one.lease_id for one in first.claims] == ["kvl_1"]
    assert [one.lease_id for one in rest.claims] == ["kvl_2"]
    assert (first.is_last, rest.is_last) == (False, True)


def test_an_engine_that_tells_nothing_claims_nothing():
    keeper, _ = make_keeper()
    turn(keeper, terms(), [1, 2])
    for told in (
        kv_control.claims(keeper, ClaimsAfter()),
        kv_control.claim(keeper, ClaimOf(**OURS)),
    ):
        assert (told.claims, told.kv_sequence) == ([], 0)
    assert kv_control.kv_events(keeper, KvEventsAfter()).events == []
    assert kv_control.kv_blocks(keeper).last_sequence == 0


@pytest.mark.parametrize("wrong", [{"tenant_id": "b"}, {"lease_id": "kvl_2"}])
def test_it_refuses_a_lease_that_is_not_yours(keeper, wrong):
    with pytest.raises(UnknownLeaseError):
        kv_control.claim(keeper, ClaimOf(**OURS | wrong))


def test_an_answer_is_json(keeper):
    status, body = lease_control.answer(keeper, "kv_events", {"sequence": 0})
    (event,) = json.loads(body)["events"]
    assert (status, event[:3]) == (200, [1, "stored", "hbm"])
    status, body = lease_control.answer(keeper, "kv_events", {"sequence": -1})
    assert status == 400
