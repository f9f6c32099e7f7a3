"""A lease that leaves HBM lives on in host memory, if its blocks lie there."""

import pytest

from inference.domain.lease_receipt import Fact, Reason
from inference.domain.lease_table import HOST_COPY_MS
from inference.domain.lease_terms import Tier
from tests.inference.lease_samples import (
    NOW,
    SIZE,
    Memory,
    continuing,
    facts,
    names,
    run,
    table,
    terms,
)


def test_it_works():
    leases = table(memory=Memory())
    run(leases, terms(host_ttl_ms=60_000), [1, 2])
    change = leases.sweep(now_ms=NOW + 15_000)
    assert (facts(change), change.free) == ([("demoted", "kvl_1")], [2, 1])
    (demoted,) = change.receipts
    assert (demoted.tier, demoted.until_ms) == (Tier.HOST, NOW + 60_000)
    assert demoted.tokens == 2 * SIZE
    assert facts(leases.make_room(1, now_ms=NOW)) == []
    assert facts(leases.sweep(now_ms=NOW + 60_000)) == [("expired", "kvl_1")]


def test_it_moves_down_under_pressure():
    memory = Memory()
    leases = table(memory=memory)
    run(leases, terms(host_ttl_ms=60_000), [1, 2])
    memory.lost = {*names([2])}
    change = leases.make_room(1, now_ms=NOW)
    (demoted,) = change.receipts
    assert (demoted.fact, demoted.tokens) == (Fact.DEMOTED, SIZE)
    assert demoted.last_hash == names([1])[0].hex()


def test_it_is_revoked_when_nothing_of_it_lies_below():
    memory = Memory()
    leases = table(memory=memory)
    run(leases, terms(host_ttl_ms=60_000), [1, 2])
    memory.lost = {*names([1])}
    assert facts(leases.make_room(1, now_ms=NOW)) == [("revoked", "kvl_1")]


def test_the_next_turn_takes_it_up_again():
    leases = table(memory=Memory())
    run(leases, terms(host_ttl_ms=60_000), [1, 2])
    leases.sweep(now_ms=NOW + 15_000)
    asked = terms("kvl_2", previous=continuing("kvl_1", [1, 2]))
    change = run(leases, asked, [1, 2], at=NOW + 20_000)
    assert facts(change) == [("reused", "kvl_1"), ("granted", "kvl_2")]
    assert change.receipts[0].tier == Tier.HOST
    assert change.pin == [1, 2]


def test_a_lease_for_host_memory_alone_is_pinned_until_it_lies_there():
    leases = table(memory=Memory())
    change = run(leases, terms(ttl_ms=0, host_ttl_ms=60_000), [1])
    assert (change.receipts[0].tier, change.pin) == (Tier.HBM, [1])
    assert facts(leases.sweep(now_ms=NOW + HOST_COPY_MS)) == [("demoted", "kvl_1")]


def test_what_it_keeps_below_is_let_go_at_its_end():
    memory = Memory()
    leases = table(memory=memory)
    change = run(leases, terms(host_ttl_ms=60_000), [1, 2])
    assert change.receipts[0].host_until_ms == NOW + 60_000
    assert memory.kept == {*names([1, 2])}
    run(leases, terms("kvl_2", host_ttl_ms=60_000), [1, 2])
    leases.release(leases.find("kvl_1", tenant_id="a"), now_ms=NOW)
    assert memory.kept == {*names([1, 2])}
    leases.sweep(now_ms=NOW + 15_000)
    assert leases.sweep(now_ms=NOW + 60_000).receipts[0].fact == Fact.EXPIRED
    assert memory.kept == set()


def test_a_lease_without_time_below_is_not_kept_there():
    memory = Memory()
    change = run(table(memory=memory), terms(), [1, 2])
    assert (change.receipts[0].host_until_ms, memory.kept) == (0, set())


def test_extending_moves_both_ends():
    leases = table(memory=Memory())
    run(leases, terms(host_ttl_ms=20_000), [1])
    lease = leases.find("kvl_1", tenant_id="a")
    (renewed,) = leases.extend(lease, ttl_ms=60_000, now_ms=NOW).receipts
    assert renewed.until_ms == renewed.host_until_ms == NOW + 60_000


def test_it_is_granted_above_alone_when_there_is_no_room_below():
    # 80 of 100 for leases, 40 of them for one tenant.
    memory = Memory()
    leases = table(memory=memory)
    run(leases, terms(host_ttl_ms=60_000), range(25))
    leases.sweep(now_ms=NOW + 15_000)
    asked = terms("kvl_2", host_ttl_ms=60_000)
    (granted,) = run(leases, asked, range(30, 46), at=NOW + 15_000).receipts
    assert (granted.fact, granted.reason) == (Fact.GRANTED, Reason.HOST_CAP)
    assert granted.host_until_ms == 0
    assert len(memory.kept) == 25
    other = terms("kvl_3", tenant_id="b", host_ttl_ms=60_000)
    (granted,) = run(leases, other, range(50, 66), at=NOW + 15_000).receipts
    assert granted.reason is None


def test_a_conversation_takes_its_room_below_with_it():
    memory = Memory()
    leases = table(memory=memory)
    run(leases, terms(host_ttl_ms=60_000), range(28))
    previous = continuing("kvl_1", list(range(28)))
    asked = terms("kvl_2", host_ttl_ms=60_000, previous=previous)
    change = run(leases, asked, range(30))
    assert change.receipts[1].reason is None
    assert len(memory.kept) == 30


def test_it_goes_down_to_the_disk_when_its_time_in_host_memory_ends():
    memory, disk = Memory(), Memory()
    leases = table(memory=memory, disk=disk)
    change = run(leases, terms(host_ttl_ms=60_000, disk_ttl_ms=600_000), [1, 2])
    assert change.receipts[0].disk_until_ms == NOW + 600_000
    leases.sweep(now_ms=NOW + 15_000)
    assert memory.kept == disk.kept == set(names([1, 2]))
    (demoted,) = leases.sweep(now_ms=NOW + 60_000).receipts
    assert (demoted.fact, demoted.tier) == (Fact.DEMOTED, Tier.DISK)
    assert (demoted.until_ms, demoted.host_until_ms) == (NOW + 600_000, 0)
    assert demoted.tokens == 2 * SIZE
    assert (memory.kept, disk.kept) == (set(), set(names([1, 2])))
    assert facts(leases.sweep(now_ms=NOW + 600_000)) == [("expired", "kvl_1")]
    assert disk.kept == set()


def test_on_disk_alone_it_skips_host_memory():
    leases = table(memory=Memory(), disk=Memory())
    asked = terms(ttl_ms=0, disk_ttl_ms=600_000, tier=Tier.DISK)
    (granted,) = run(leases, asked, [1, 2]).receipts
    assert (granted.until_ms, granted.host_until_ms) == (NOW + HOST_COPY_MS, 0)
    # That it waits above until it is copied is not the tenant's to pay.
    assert granted.tier is Tier.DISK
    (demoted,) = leases.sweep(now_ms=NOW + HOST_COPY_MS).receipts
    assert demoted.tier is Tier.DISK


def test_what_host_memory_lost_may_lie_on_disk():
    memory = Memory()
    leases = table(memory=memory, disk=Memory())
    run(leases, terms(host_ttl_ms=60_000, disk_ttl_ms=60_000), [1, 2])
    memory.lost = set(names([1, 2]))
    (demoted,) = leases.sweep(now_ms=NOW + 15_000).receipts
    assert demoted.tier is Tier.DISK
    assert memory.kept == set()


def test_a_longer_time_holds_in_every_tier():
    leases = table(memory=Memory(), disk=Memory())
    run(leases, terms(host_ttl_ms=20_000, disk_ttl_ms=30_000), [1])
    lease = leases.find("kvl_1", tenant_id="a")
    (renewed,) = leases.extend(lease, ttl_ms=60_000, now_ms=NOW).receipts
    assert renewed.host_until_ms == renewed.disk_until_ms == NOW + 60_000


def test_a_full_disk_is_told():
    leases = table(disk=Memory(blocks=40))
    asked = terms(disk_ttl_ms=60_000)
    (granted,) = run(leases, asked, range(17)).receipts
    assert (granted.fact, granted.reason) == (Fact.GRANTED, Reason.DISK_CAP)
    assert granted.disk_until_ms == 0


def test_what_has_no_room_where_alone_it_was_to_lie_is_refused():
    leases = table(disk=Memory(blocks=40))
    asked = terms(ttl_ms=0, disk_ttl_ms=60_000, tier=Tier.DISK)
    change = run(leases, asked, range(17))
    (refused,) = change.receipts
    assert (refused.fact, refused.reason) == (Fact.REFUSED, Reason.DISK_CAP)
    assert (change.pin, len(leases)) == ([], 0)


@pytest.mark.parametrize("fields", [{}, {"disk_ttl_ms": 9}])
def test_it_refuses_the_disk_where_there_is_none(fields):
    leases = table(memory=Memory(), disk=None if fields else Memory())
    (refused,) = run(leases, terms(tier=Tier.DISK, **fields), [1]).receipts
    assert (refused.fact, refused.reason) == (Fact.REFUSED, Reason.NO_DISK_TIER)
