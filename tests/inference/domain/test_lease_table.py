import pytest

from inference.domain.lease_receipt import Fact, Reason, public_form
from inference.domain.lease_table import SWEPT_MAX, UnknownLeaseError
from inference.domain.lease_terms import LeaseClass, Rejection, TermsRejectedError, Tier
from tests.inference.lease_samples import (
    CAPS,
    NOW,
    SIZE,
    continuing,
    facts,
    names,
    run,
    table,
    terms,
)

GUARANTEED = {"lease_class": LeaseClass.GUARANTEED}


def test_it_works():
    leases = table()
    change = run(leases, terms(), [1, 2, 3])
    (receipt,) = change.receipts
    assert (change.pin, change.free) == ([1, 2, 3], [])
    assert (receipt.fact, receipt.sequence, receipt.tokens) == (Fact.GRANTED, 1, 96)
    assert (receipt.tier, receipt.bytes) == (Tier.HBM, 3000)
    assert receipt.last_hash == names([3])[0].hex()
    assert receipt.until_ms == NOW + 15_000
    assert "last_hash" not in public_form(receipt)


def test_the_next_turn_takes_its_place():
    leases = table()
    run(leases, terms(), [1, 2, 3])
    asked = terms("kvl_2", previous=continuing("kvl_1", [1, 2, 3]))
    change = run(leases, asked, [1, 2, 3, 4])
    assert (change.pin, change.free) == ([4], [])
    assert facts(change) == [("reused", "kvl_1"), ("granted", "kvl_2")]
    reused, granted = change.receipts
    assert reused.reusable_tokens == granted.reusable_tokens == 96
    assert reused.diverged_at_token is granted.diverged_at_token is None
    assert granted.previous_lease_id == "kvl_1"
    assert (len(leases), leases.holdings.held_blocks) == (1, 4)


def test_it_tells_where_a_turn_diverged():
    leases = table()
    run(leases, terms(), [1, 2, 3])
    asked = terms("kvl_2", previous=continuing("kvl_1", [1, 2, 3]))
    turn = leases.arrive(asked, now_ms=NOW)
    hashes = names([1]) + names([7, 8], of="y")
    change = leases.commit(turn, blocks=[1, 7, 8], hashes=hashes, now_ms=NOW)
    assert (change.pin, change.free) == ([7, 8], [3, 2])
    assert change.receipts[1].reusable_tokens == SIZE
    assert change.receipts[1].diverged_at_token == SIZE


def test_it_ends_overdue_leases_and_frees_the_deepest_block_first():
    leases = table()
    run(leases, terms(), [1, 2])
    assert facts(leases.sweep(now_ms=NOW + 14_999)) == []
    change = leases.sweep(now_ms=NOW + 15_000)
    assert change.free == [2, 1]
    assert facts(change) == [("expired", "kvl_1")]
    assert change.receipts[0].reason == Reason.TIME


def test_one_sweep_is_bounded():
    leases = table(caps=CAPS)
    for number in range(SWEPT_MAX + 1):
        run(leases, terms(f"kvl_{number}"), [1])
    assert len(leases.sweep(now_ms=NOW + 15_000).receipts) == SWEPT_MAX
    assert leases.sweep(now_ms=NOW + 15_000).free == [1]


def test_a_turn_that_arrived_in_time_keeps_the_lease():
    leases = table()
    run(leases, terms(), [1, 2])
    asked = terms("kvl_2", previous=continuing("kvl_1", [1, 2]))
    turn = leases.arrive(asked, now_ms=NOW + 14_999)
    assert facts(leases.sweep(now_ms=NOW + 60_000)) == []
    change = leases.commit(
        turn, blocks=[1, 2], hashes=names([1, 2]), now_ms=NOW + 60_000
    )
    assert facts(change) == [("reused", "kvl_1"), ("granted", "kvl_2")]


def test_a_turn_that_came_to_nothing_leaves_the_lease_its_own_end():
    leases = table()
    run(leases, terms(), [1, 2])
    asked = terms("kvl_2", previous=continuing("kvl_1", [1, 2]))
    turn = leases.arrive(asked, now_ms=NOW)
    change = leases.abandon(turn, reason=Reason.TURN_ABORTED, now_ms=NOW + 1)
    assert facts(change) == [("refused", "kvl_2")]
    assert facts(leases.sweep(now_ms=NOW + 14_999)) == []
    assert facts(leases.sweep(now_ms=NOW + 15_000)) == [("expired", "kvl_1")]


def test_the_second_of_two_turns_at_once_continues_what_ended():
    leases = table()
    run(leases, terms(), [1, 2])
    previous = continuing("kvl_1", [1, 2])
    turns = [
        leases.arrive(terms(lease_id, previous=previous), now_ms=NOW)
        for lease_id in ("kvl_2", "kvl_3")
    ]
    for turn in turns:
        change = leases.commit(
            turn, blocks=[1, 2], hashes=names([1, 2]), now_ms=NOW + 1
        )
        assert change.receipts[-1].reusable_tokens == 2 * SIZE
    assert facts(change) == [("granted", "kvl_3")]


def test_a_late_turn_is_told_what_it_has_in_common():
    leases = table()
    run(leases, terms(), [1, 2, 3])
    late = NOW + 15_000
    asked = terms("kvl_2", previous=continuing("kvl_1", [1, 2, 3]))
    turn = leases.arrive(asked, now_ms=late)
    assert turn.continues is None
    leases.sweep(now_ms=late)
    change = leases.commit(turn, blocks=[1, 2], hashes=names([1, 2]), now_ms=late)
    assert facts(change) == [("granted", "kvl_2")]
    assert change.receipts[0].reusable_tokens == 2 * SIZE
    assert change.receipts[0].diverged_at_token == 2 * SIZE


@pytest.mark.parametrize(
    ("blocks", "reusable"), [([1, 2, 3], 2 * SIZE), ([1], None), ([1, 9], None)]
)
def test_the_signed_hash_proves_what_an_earlier_epoch_held(blocks, reusable):
    leases = table()
    asked = terms(previous=continuing("kvl_0", [1, 2]))
    change = run(leases, asked, blocks)
    assert facts(change) == [("granted", "kvl_1")]
    assert change.receipts[0].reusable_tokens == reusable


@pytest.mark.parametrize("is_ended", [False, True])
def test_it_refuses_a_lease_of_another_tenant(is_ended):
    leases = table()
    run(leases, terms(), [1])
    if is_ended:
        leases.sweep(now_ms=NOW + 15_000)
    asked = terms("kvl_2", tenant_id="b", previous=continuing("kvl_1", [1]))
    with pytest.raises(TermsRejectedError) as refused:
        leases.arrive(asked, now_ms=NOW)
    assert refused.value.reason == Rejection.FOREIGN_LEASE


@pytest.mark.parametrize("end", ["awaited", "live", "ended"])
def test_it_refuses_a_lease_id_used_before(end):
    leases = table()
    if end == "awaited":
        leases.arrive(terms(), now_ms=NOW)
    else:
        run(leases, terms(), [1])
    if end == "ended":
        leases.sweep(now_ms=NOW + 15_000)
    with pytest.raises(TermsRejectedError) as refused:
        leases.arrive(terms(), now_ms=NOW)
    assert refused.value.reason == Rejection.REPLAYED


def refusal(change):
    (receipt,) = change.receipts
    assert (receipt.fact, change.pin) == (Fact.REFUSED, [])
    return receipt.reason


def test_it_refuses_more_than_all_leases_may_hold():
    leases = table()
    run(leases, terms(), range(30))
    run(leases, terms("kvl_2", tenant_id="b"), range(30, 49))
    asked = terms("kvl_3", tenant_id="c")
    assert refusal(run(leases, asked, [60, 61])) == Reason.LEASES_CAP
    assert refusal(run(leases, terms("kvl_4"), [60])) == Reason.TENANT_CAP
    granted = run(leases, terms("kvl_5", tenant_id="c"), [60])
    assert facts(granted) == [("granted", "kvl_5")]


def test_it_refuses_more_than_a_tenant_may_hold():
    leases = table()
    run(leases, terms(), range(30))
    assert refusal(run(leases, terms("kvl_2"), [40])) == Reason.TENANT_CAP
    assert leases.holdings.tenant_blocks("a") == 30
    assert leases.holdings.tenant_blocks("b") == 0


def test_it_refuses_more_than_guaranteed_leases_may_hold():
    leases = table()
    run(leases, terms(**GUARANTEED), range(20))
    asked = terms("kvl_2", tenant_id="b", **GUARANTEED)
    assert refusal(run(leases, asked, [40])) == Reason.GUARANTEED_CAP
    assert leases.holdings.guaranteed_blocks == 20


def test_shared_blocks_count_once():
    leases = table()
    run(leases, terms(), range(30))
    change = run(leases, terms("kvl_2"), range(30))
    assert facts(change) == [("granted", "kvl_2")]
    assert (change.pin, leases.holdings.held_blocks) == ([], 30)


def test_a_conversation_that_outgrows_a_cap_keeps_what_it_had():
    leases = table()
    run(leases, terms(), range(30))
    asked = terms("kvl_2", previous=continuing("kvl_1", list(range(30))))
    change = run(leases, asked, range(33))
    assert facts(change) == [("reused", "kvl_1"), ("granted", "kvl_2")]
    assert (change.pin, change.free) == ([], [])
    assert change.receipts[1].tokens == 30 * SIZE
    assert change.receipts[1].reason == Reason.TENANT_CAP


def test_a_guaranteed_turn_after_an_elastic_one_counts_anew():
    leases = table()
    run(leases, terms(), range(25))
    previous = continuing("kvl_1", list(range(25)))
    change = run(leases, terms("kvl_2", previous=previous, **GUARANTEED), range(25))
    assert change.receipts[1].blocks == 20
    assert leases.holdings.guaranteed_blocks == leases.holdings.held_blocks == 20


def test_it_refuses_a_turn_without_a_full_block():
    assert refusal(run(table(), terms(), [])) == Reason.NO_FULL_BLOCK


def test_a_turn_may_only_continue():
    leases = table()
    run(leases, terms(), [1])
    asked = terms("kvl_2", ttl_ms=0, previous=continuing("kvl_1", [1]))
    change = run(leases, asked, [1, 2])
    assert facts(change) == [("reused", "kvl_1"), ("refused", "kvl_2")]
    assert change.receipts[1].reason == Reason.NOT_ASKED
    assert (change.free, len(leases)) == ([1], 0)


@pytest.mark.parametrize(
    "fields", [{"tier": Tier.HOST}, {"ttl_ms": 0, "host_ttl_ms": 9}]
)
def test_it_refuses_host_memory_where_there_is_none(fields):
    asked = terms(**{"host_ttl_ms": 60_000} | fields)
    assert refusal(run(table(), asked, [1])) == Reason.NO_HOST_TIER


def test_it_refuses_a_disk_that_is_not_there():
    assert refusal(run(table(), terms(tier=Tier.DISK), [1])) == Reason.NO_DISK_TIER


def test_it_revokes_the_lowest_value_first():
    leases = table()
    for number, value in enumerate([5, 1, 3]):
        asked = terms(f"kvl_{number}", value=value)
        run(leases, asked, [2 * number, 2 * number + 1])
    change = leases.make_room(3, now_ms=NOW)
    assert facts(change) == [("revoked", "kvl_1"), ("revoked", "kvl_2")]
    assert change.free == [3, 2, 5, 4]
    assert change.receipts[0].reason == Reason.PRESSURE
    assert facts(leases.make_room(1, now_ms=NOW)) == [("revoked", "kvl_0")]


def test_equal_values_go_by_their_end():
    leases = table()
    run(leases, terms("kvl_1", ttl_ms=9_000), [1])
    run(leases, terms("kvl_2", ttl_ms=8_000), [2])
    assert facts(leases.make_room(1, now_ms=NOW)) == [("revoked", "kvl_2")]


def test_room_is_first_made_of_what_is_overdue():
    leases = table()
    run(leases, terms("kvl_1", value=9), [1])
    run(leases, terms("kvl_2", value=1, ttl_ms=90_000), [2])
    change = leases.make_room(1, now_ms=NOW + 15_000)
    assert facts(change) == [("expired", "kvl_1")]


def test_it_revokes_nothing_when_that_would_not_do():
    leases = table()
    run(leases, terms(), [1, 2])
    assert facts(leases.make_room(3, now_ms=NOW)) == []
    assert facts(leases.make_room(0, now_ms=NOW)) == []


def test_it_never_revokes_a_guaranteed_lease():
    leases = table()
    run(leases, terms(**GUARANTEED), [1, 2])
    run(leases, terms("kvl_2"), [2, 3])
    assert facts(leases.make_room(2, now_ms=NOW)) == []
    assert leases.make_room(1, now_ms=NOW).free == [3]


def test_it_never_revokes_what_the_new_request_begins_with():
    leases = table()
    run(leases, terms(value=0), [1, 2])
    run(leases, terms("kvl_2", value=9), [2, 3])
    assert facts(leases.make_room(2, now_ms=NOW, spared={1, 2, 8})) == []
    change = leases.make_room(1, now_ms=NOW, spared={1, 2, 8})
    assert facts(change) == [("revoked", "kvl_2")]
    assert facts(leases.make_room(1, now_ms=NOW)) == [("revoked", "kvl_1")]


def test_it_revokes_no_lease_whose_end_frees_nothing():
    leases = table()
    run(leases, terms("kvl_1", value=1), [1, 2])
    run(leases, terms("kvl_2", value=2), [3])
    run(leases, terms("kvl_3", value=3), [1, 2])
    change = leases.make_room(1, now_ms=NOW)
    assert facts(change) == [("revoked", "kvl_2")]
    change = leases.make_room(2, now_ms=NOW)
    assert facts(change) == [("revoked", "kvl_1"), ("revoked", "kvl_3")]
    assert change.free == [2, 1]


def test_a_lease_with_a_turn_under_way_goes_last():
    leases = table()
    run(leases, terms("kvl_1", value=1), [1])
    run(leases, terms("kvl_2", value=9), [2])
    leases.arrive(terms("kvl_3", previous=continuing("kvl_1", [1])), now_ms=NOW)
    assert facts(leases.make_room(1, now_ms=NOW)) == [("revoked", "kvl_2")]
    assert facts(leases.make_room(1, now_ms=NOW)) == [("revoked", "kvl_1")]


def test_extending_never_shortens():
    leases = table()
    run(leases, terms(grace_ms=500), [1])
    lease = leases.find("kvl_1", tenant_id="a")
    change = leases.extend(lease, ttl_ms=1_000, now_ms=NOW + 1)
    assert change.receipts[0].until_ms == NOW + 15_500
    change = leases.extend(lease, ttl_ms=20_000, now_ms=NOW + 1)
    assert facts(change) == [("renewed", "kvl_1")]
    assert change.receipts[0].until_ms == NOW + 20_501
    assert facts(leases.sweep(now_ms=NOW + 20_500)) == []
    assert facts(leases.sweep(now_ms=NOW + 20_501)) == [("expired", "kvl_1")]


def test_a_turn_on_its_way_is_given_another_grace():
    leases = table()
    run(leases, terms(grace_ms=5_000), [1])
    lease = leases.find("kvl_1", tenant_id="a")
    (kept,) = leases.extend(lease, ttl_ms=0, now_ms=NOW + 9_000).receipts
    assert (kept.reason, kept.until_ms) == (Reason.TURN_WAITS, NOW + 20_000)
    (kept,) = leases.extend(lease, ttl_ms=0, now_ms=NOW + 18_000).receipts
    assert (kept.reason, kept.until_ms) == (Reason.TURN_WAITS, NOW + 23_000)
    (sold,) = leases.extend(lease, ttl_ms=1, now_ms=NOW + 18_001).receipts
    assert (sold.reason, sold.until_ms) == (None, NOW + 23_002)


def test_no_more_is_held_than_asked_for():
    leases = table()
    change = run(leases, terms(tokens_max=3 * SIZE - 1), [1, 2, 3, 4])
    assert (change.pin, change.receipts[0].tokens) == ([1, 2], 2 * SIZE)
    assert change.receipts[0].last_hash == names([2])[0].hex()
    (refused,) = run(leases, terms("kvl_2", tokens_max=SIZE - 1), [1, 2]).receipts
    assert (refused.fact, refused.reason) == (Fact.REFUSED, Reason.NO_FULL_BLOCK)


def test_a_lease_that_holds_less_than_the_one_before_frees_the_rest():
    leases = table()
    run(leases, terms(), [1, 2, 3])
    previous = continuing("kvl_1", [1, 2, 3])
    asked = terms("kvl_2", previous=previous, tokens_max=2 * SIZE)
    change = run(leases, asked, [1, 2, 3, 4])
    assert (change.pin, change.free) == ([], [3])
    assert change.receipts[-1].reusable_tokens == 3 * SIZE


def test_releasing_frees_at_once():
    leases = table()
    run(leases, terms(), [1, 2])
    change = leases.release(leases.find("kvl_1", tenant_id="a"), now_ms=NOW + 7)
    assert facts(change) == [("released", "kvl_1")]
    assert (change.free, change.receipts[0].at_ms) == ([2, 1], NOW + 7)
    assert list(leases) == []


@pytest.mark.parametrize(("lease_id", "tenant_id"), [("kvl_1", "b"), ("kvl_9", "a")])
def test_it_refuses_to_find_what_is_not_yours(lease_id, tenant_id):
    leases = table()
    run(leases, terms(), [1])
    with pytest.raises(UnknownLeaseError):
        leases.find(lease_id, tenant_id=tenant_id)


def test_all_is_lost_when_the_cache_is_reset():
    leases = table()
    run(leases, terms(), [1])
    run(leases, terms("kvl_2"), [1, 2])
    change = leases.lose_all(reason=Reason.CACHE_RESET, now_ms=NOW)
    assert facts(change) == [("lost", "kvl_1"), ("lost", "kvl_2")]
    assert sorted(change.free) == [1, 2]
