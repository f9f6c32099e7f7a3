import pytest

from inference.domain.kv_control import KvBlocks, KvEvents
from inference.domain.kv_feed import KvFact, KvFeed
from inference.domain.kv_verifier import KvVerifier
from inference.domain.lease_terms import Tier
from tests.inference.lease_samples import names

STORED, REMOVED, CLEARED = KvFact.STORED, KvFact.REMOVED, KvFact.CLEARED


@pytest.fixture
def feed():
    return KvFeed()


@pytest.fixture
def verifier(feed):
    made = KvVerifier()
    made.take(events(feed))
    return made


def events(feed, after=0, *, epoch="1", hashes_max=1_000):
    told = feed.after(after, hashes_max=hashes_max)
    return KvEvents(epoch=epoch, last_sequence=feed.last_sequence, events=told)


def follow(verifier, feed, **given):
    return verifier.take(events(feed, verifier.sequence, **given))


def test_it_works(feed, verifier):
    feed.tell(STORED, Tier.HBM, names([1, 2, 3]))
    assert follow(verifier, feed)
    assert verifier.has_seen("1", 1)
    assert verifier.is_intact(Tier.HBM, names([1, 2, 3])) is True
    assert verifier.is_intact(Tier.HOST, names([1])) is False
    feed.tell(REMOVED, Tier.HBM, names([2]))
    assert follow(verifier, feed)
    assert verifier.is_intact(Tier.HBM, names([1, 3])) is True
    assert verifier.is_intact(Tier.HBM, names([1, 2, 3])) is False


def test_a_name_is_gone_with_its_last_copy(feed, verifier):
    feed.tell(STORED, Tier.HBM, names([1]))
    feed.tell(STORED, Tier.HBM, names([1]))
    feed.tell(REMOVED, Tier.HBM, names([1]))
    follow(verifier, feed)
    assert verifier.is_intact(Tier.HBM, names([1])) is True
    feed.tell(REMOVED, Tier.HBM, names([1]))
    follow(verifier, feed)
    assert verifier.is_intact(Tier.HBM, names([1])) is False


def test_a_tier_is_cleared_alone(feed, verifier):
    feed.tell(STORED, Tier.HBM, names([1]))
    feed.tell(STORED, Tier.HOST, names([1]))
    feed.tell(CLEARED, Tier.HBM)
    follow(verifier, feed)
    assert verifier.is_intact(Tier.HBM, names([1])) is False
    assert verifier.is_intact(Tier.HOST, names([1])) is True


def test_nothing_is_known_after_a_gap_before_it_begins_anew(verifier):
    feed = KvFeed(hashes_max=4)
    feed.tell(STORED, Tier.HBM, names([1]))
    feed.tell(STORED, Tier.HBM, names([2, 3]))
    assert not follow(verifier, feed)
    assert len(verifier) == 0
    assert not verifier.has_seen("1", 2)
    lying = KvBlocks(epoch="1", last_sequence=2, names={Tier.HBM: names([1, 2, 3])})
    verifier.begin(lying)
    assert verifier.has_seen("1", 2)
    assert verifier.is_intact(Tier.HBM, names([1, 2, 3])) is True


def test_what_is_forgotten_to_the_last_is_a_gap_too(verifier):
    feed = KvFeed(hashes_max=1)
    feed.tell(STORED, Tier.HBM, names([1]))
    assert not follow(verifier, feed)


def test_an_answer_that_is_cut_is_no_gap(feed, verifier):
    for block in range(3):
        feed.tell(STORED, Tier.HBM, names([block]))
    while not verifier.has_seen("1", 3):
        assert follow(verifier, feed, hashes_max=1)
    assert verifier.is_intact(Tier.HBM, names(range(3))) is True
    assert follow(verifier, feed)


def test_another_epoch_empties_it(feed, verifier):
    feed.tell(STORED, Tier.HBM, names([1]))
    follow(verifier, feed)
    anew = KvFeed()
    anew.tell(STORED, Tier.HBM, names([2]))
    assert follow(verifier, anew, epoch="2")
    assert (len(verifier), verifier.sequence) == (0, 0)
    assert follow(verifier, anew, epoch="2")
    assert verifier.is_intact(Tier.HBM, names([2])) is True
    assert verifier.is_intact(Tier.HBM, names([1])) is False


def test_a_pool_that_is_too_large_is_not_known_rather_than_half(feed):
    verifier = KvVerifier(hashes_max=2)
    follow(verifier, feed)
    feed.tell(STORED, Tier.HBM, names([1, 2, 3]))
    feed.tell(STORED, Tier.HBM, names([4]))
    feed.tell(REMOVED, Tier.HBM, names([4]))
    follow(verifier, feed)
    assert len(verifier) == 0
    assert verifier.is_intact(Tier.HBM, names([1])) is None
