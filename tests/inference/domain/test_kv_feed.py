from inference.domain.kv_feed import KvFact, KvFeed
from inference.domain.lease_terms import Tier
from tests.inference.lease_samples import names

ALL = 1_000


def told(feed, after=0, hashes_max=ALL):
    return [one.sequence for one in feed.after(after, hashes_max=hashes_max)]


def feed_of(*sizes, **given):
    feed = KvFeed(**given)
    for size in sizes:
        feed.tell(KvFact.STORED, Tier.HBM, names(range(size)))
    return feed


def test_it_works():
    feed = feed_of(1)
    feed.tell(KvFact.REMOVED, Tier.HOST, names([0]))
    stored, removed = feed.after(0, hashes_max=ALL)
    assert (stored.sequence, stored.fact, stored.tier) == (1, KvFact.STORED, Tier.HBM)
    assert (removed.sequence, removed.hashes) == (2, names([0]))
    assert feed.last_sequence == 2
    assert told(feed, after=1) == [2]
    assert told(feed, after=2) == []


def test_an_answer_is_no_longer_than_asked_for_but_never_empty():
    feed = feed_of(3, 3, 3)
    assert told(feed, hashes_max=1) == [1]
    assert told(feed, hashes_max=5) == [1, 2]


def test_it_forgets_the_oldest_by_the_number_of_hashes():
    feed = feed_of(3, 3, 3, hashes_max=8)
    assert told(feed) == [2, 3]
    assert feed.last_sequence == 3


def test_what_is_too_large_to_be_kept_leaves_its_number():
    feed = feed_of(9, hashes_max=8)
    assert told(feed) == []
    assert feed.last_sequence == 1
