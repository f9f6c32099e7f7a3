from inference.domain.lease import Lease
from inference.domain.lease_queue import SKIPPED_MIN, LeaseQueue
from inference.domain.lease_terms import Tier
from tests.inference.lease_samples import terms


def lease(lease_id, until_ms):
    return Lease(
        terms=terms(lease_id),
        hashes=(),
        blocks=(),
        until_ms=until_ms,
        tier=Tier.HBM,
        held_blocks=0,
    )


def by_end():
    return LeaseQueue(lambda one: (one.until_ms,))


def ids(queue):
    return [one.terms.lease_id for one in iter(queue.pop, None)]


def test_it_works():
    queue = by_end()
    for lease_id, until_ms in (("b", 2), ("a", 1), ("c", 3)):
        queue.put(lease(lease_id, until_ms))
    assert ids(queue) == ["a", "b", "c"]
    assert queue.first() is None


def test_an_old_place_counts_no_more():
    queue = by_end()
    moved = lease("a", 1)
    queue.put(moved)
    queue.put(lease("b", 2))
    moved.until_ms = 3
    queue.put(moved)
    assert ids(queue) == ["b", "a"]


def test_what_left_is_skipped():
    queue = by_end()
    gone = lease("a", 1)
    queue.put(gone)
    queue.put(lease("b", 2))
    queue.discard(gone)
    assert ids(queue) == ["b"]


def test_what_left_does_not_pile_up():
    queue = by_end()
    kept = lease("a", 1)
    for until_ms in range(10 * SKIPPED_MIN):
        kept.until_ms = until_ms
        queue.put(kept)
    assert len(queue._heap) <= 2 + SKIPPED_MIN
    assert ids(queue) == ["a"]
