from itertools import count

import pytest

from inference.domain.lease_keeper import EngineFacts, LeaseKeeper
from inference.domain.lease_receipt import Fact, Reason
from inference.domain.lease_terms import Rejection, derive_key, sign
from tests.inference.lease_samples import (
    CAPS,
    NOW,
    SIZE,
    continuing,
    names,
    terms,
)

KEY = derive_key("engine-key")


class CountedPool:
    """Blocks with the owners that a pin gives them."""

    def __init__(self):
        self.pinned = set()
        self.in_use = set()
        self.lost = set()

    def pin(self, blocks):
        assert not self.pinned & set(blocks)
        self.pinned |= set(blocks)

    def free(self, blocks):
        assert self.pinned >= set(blocks)
        self.pinned -= set(blocks)

    def names(self):
        return list(names(sorted(self.pinned - self.lost)))

    def missing(self, wanted):
        return lambda: wanted + len(self.pinned | self.in_use) - 100


def make_keeper(*, unsupported="", clock=lambda: NOW, kv=None, host=None):
    facts = EngineFacts(
        engine_id="e",
        epoch="1",
        block_tokens=SIZE,
        block_bytes=1000,
        pool_blocks=100,
        caps=CAPS,
        unsupported=unsupported,
    )
    pool = CountedPool()
    keeper = LeaseKeeper(facts, key=KEY, pool=pool, clock_ms=clock, kv=kv, host=host)
    return keeper, pool


def turn(keeper, asked, blocks, request_id="r"):
    assert keeper.arrived(request_id, sign(asked, key=KEY)) is None
    return keeper.finished(request_id, blocks=blocks, hashes=names(blocks))


def test_it_works():
    keeper, pool = make_keeper()
    receipt = turn(keeper, terms(), [1, 2])
    assert (receipt.fact, receipt.lease_id) == (Fact.GRANTED, "kvl_1")
    assert pool.pinned == {1, 2}


def test_a_request_that_asked_for_none_gets_none():
    keeper, pool = make_keeper()
    assert keeper.finished("r", blocks=[1], hashes=names([1])) is None
    assert keeper.came_to_nothing("r") is None
    assert pool.pinned == set()


def test_an_aborted_turn_leaves_the_lease_as_it_was():
    keeper, pool = make_keeper()
    turn(keeper, terms(), [1, 2])
    asked = terms("kvl_2", previous=continuing("kvl_1", [1, 2]))
    keeper.arrived("r", sign(asked, key=KEY))
    receipt = keeper.came_to_nothing("r")
    assert (receipt.fact, receipt.reason) == (Fact.REFUSED, Reason.TURN_ABORTED)
    assert pool.pinned == {1, 2}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, Rejection.MALFORMED),
        (sign(terms(), key=b"other"), Rejection.FORGED),
        (sign(terms(issued_at_ms=0), key=KEY), Rejection.STALE),
        (sign(terms(engine_id="f"), key=KEY), Rejection.OTHER_ENGINE),
    ],
)
def test_it_refuses_terms_that_are_not_for_it(text, reason):
    keeper, pool = make_keeper()
    assert keeper.arrived("r", text) == reason
    assert keeper.finished("r", blocks=[1], hashes=names([1])) is None
    assert (keeper.rejected, pool.pinned) == ({reason: 1}, set())


def test_it_refuses_the_same_terms_twice():
    keeper, _ = make_keeper()
    turn(keeper, terms(), [1])
    assert keeper.arrived("s", sign(terms(), key=KEY)) == Rejection.REPLAYED


def test_it_refuses_a_model_without_support():
    keeper, pool = make_keeper(unsupported="it sees a window")
    receipt = turn(keeper, terms(), [1])
    assert (receipt.fact, receipt.reason) == (Fact.REFUSED, Reason.UNSUPPORTED_MODEL)
    assert pool.pinned == set()


def test_what_is_overdue_is_freed_by_the_next_arrival():
    clock = count(NOW, 20_000)
    keeper, pool = make_keeper(clock=lambda: next(clock))
    keeper.arrived("r", sign(terms(ttl_ms=1), key=KEY))
    keeper.finished("r", blocks=[1], hashes=names([1]))
    keeper.arrived("s", None)
    assert pool.pinned == set()


def test_room_is_made_until_nothing_is_missing():
    keeper, pool = make_keeper()
    turn(keeper, terms(), [1, 2])
    turn(keeper, terms("kvl_2", value=5), [3, 4])
    assert keeper.make_room(pool.missing(98))
    assert pool.pinned == {3, 4}
    assert not keeper.make_room(pool.missing(98))


def test_a_freed_block_that_has_another_user_is_not_enough():
    keeper, pool = make_keeper()
    turn(keeper, terms(), [1, 2])
    turn(keeper, terms("kvl_2", value=5), [3, 4])
    pool.in_use = {1}
    assert keeper.make_room(pool.missing(98))
    assert pool.pinned == set()


def test_no_room_is_made_in_vain():
    keeper, pool = make_keeper()
    turn(keeper, terms(), [1, 2])
    assert not keeper.make_room(pool.missing(101))
    assert pool.pinned == {1, 2}
