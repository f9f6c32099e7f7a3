"""A lease that leaves HBM lives on in host memory, if its blocks lie there."""

from inference.domain.lease_receipt import Fact
from inference.domain.lease_table import HOST_COPY_MS
from inference.domain.lease_terms import Tier
from tests.inference.lease_samples import (
    NOW,
    SIZE,
    continuing,
    facts,
    names,
    run,
    table,
    terms,
)


def test_it_works():
    leases = table(in_host=len)
    run(leases, terms(host_ttl_ms=60_000), [1, 2])
    change = leases.sweep(now_ms=NOW + 15_000)
    assert (facts(change), change.free) == ([("demoted", "kvl_1")], [2, 1])
    (demoted,) = change.receipts
    assert (demoted.tier, demoted.until_ms) == (Tier.HOST, NOW + 60_000)
    assert demoted.tokens == 2 * SIZE
    assert facts(leases.make_room(1, now_ms=NOW)) == []
    assert facts(leases.sweep(now_ms=NOW + 60_000)) == [("expired", "kvl_1")]


def test_it_moves_down_under_pressure():
    leases = table(in_host=lambda _: 1)
    run(leases, terms(host_ttl_ms=60_000), [1, 2])
    change = leases.make_room(1, now_ms=NOW)
    (demoted,) = change.receipts
    assert (demoted.fact, demoted.tokens) == (Fact.DEMOTED, SIZE)
    assert demoted.last_hash == names([1])[0].hex()


def test_it_is_revoked_when_nothing_of_it_lies_below():
    leases = table(in_host=lambda _: 0)
    run(leases, terms(host_ttl_ms=60_000), [1, 2])
    assert facts(leases.make_room(1, now_ms=NOW)) == [("revoked", "kvl_1")]


def test_the_next_turn_takes_it_up_again():
    leases = table(in_host=len)
    run(leases, terms(host_ttl_ms=60_000), [1, 2])
    leases.sweep(now_ms=NOW + 15_000)
    asked = terms("kvl_2", previous=continuing("kvl_1", [1, 2]))
    change = run(leases, asked, [1, 2], at=NOW + 20_000)
    assert facts(change) == [("reused", "kvl_1"), ("granted", "kvl_2")]
    assert change.receipts[0].tier == Tier.HOST
    assert change.pin == [1, 2]


def test_a_lease_for_host_memory_alone_is_pinned_until_it_lies_there():
    leases = table(in_host=len)
    change = run(leases, terms(ttl_ms=0, host_ttl_ms=60_000), [1])
    assert (change.receipts[0].tier, change.pin) == (Tier.HBM, [1])
    assert facts(leases.sweep(now_ms=NOW + HOST_COPY_MS)) == [("demoted", "kvl_1")]
