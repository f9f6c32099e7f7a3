"""What is charged for a lease: worked examples, and what must hold of any story."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.domain.lease_terms import GRACE_MS
from metering.domain.lease_intervals import lease_intervals

MB = 10**6
RATES = {"hbm": 13_500_000, "host": 200_000}
TTL_MS = 15_000


@dataclass(frozen=True)
class Fact:
    sequence: int
    fact: str
    at_ms: int
    until_ms: int
    tier: str = "hbm"
    bytes: int = 100 * MB
    is_inferred: bool = False
    host_until_ms: int = 0
    reason: str = ""


def granted(at_ms=0, *, ttl_ms=TTL_MS, **changes):
    return Fact(1, "granted", at_ms, at_ms + ttl_ms + GRACE_MS, **changes)


def ended(fact, at_ms, *, sequence=9, **changes):
    return Fact(sequence, fact, at_ms, at_ms, **changes)


def spans(*facts, sold_until_ms=TTL_MS):
    """[(tier, from, until, MB_s)]"""
    return [
        (one.tier, one.started_ms, one.ended_ms, one.mb_s)
        for one in lease_intervals(facts, sold_until_ms=sold_until_ms)
    ]


@pytest.mark.parametrize(
    ("fact", "at_ms", "seconds"),
    [
        ("reused", 10_400, "10.4"),
        ("released", 1, "0.001"),
        ("revoked", 9_000, "9"),
        ("lost", 14_999, "14.999"),
        # The grace is at our cost.
        ("expired", TTL_MS + GRACE_MS, "15"),
        ("reused", TTL_MS + 3_000, "15"),
    ],
)
def test_it_works(fact, at_ms, seconds):
    """100 MB are charged by the second that they were held, 100 MB_s each."""
    ((tier, start, end, mb_s),) = spans(granted(), ended(fact, at_ms))

    assert (tier, start) == ("hbm", 0)
    assert end == round(float(seconds) * 1000)
    assert mb_s == end * 100 // 1000


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (ended("lost", 14_999), "lost"),
        (ended("lost", 1, reason="engine_began_anew"), "engine_began_anew"),
        (ended("lost", TTL_MS), ""),
        (ended("revoked", 9_000, reason="pressure"), ""),
        (ended("released", 9_000), ""),
    ],
)
def test_a_lease_lost_before_its_end_is_credited(end, reason):
    """An elastic lease that gives way is what was sold; one that is lost is not."""
    (found,) = lease_intervals([granted(), end], sold_until_ms=TTL_MS)
    assert found.credit_reason == reason


def test_all_of_a_lost_lease_is_credited_up_to_where_it_was_extended():
    down = Fact(2, "demoted", 4_000, 65_000, tier="host")
    longer = Fact(3, "renewed", 5_000, 60_000 + GRACE_MS, tier="host")
    lost = ended("lost", 40_000, tier="host")
    found = lease_intervals([granted(), down, longer, lost], sold_until_ms=TTL_MS)
    assert [one.credit_reason for one in found] == ["lost"] * 2


def test_a_demotion_changes_the_tier():
    down = Fact(2, "demoted", 4_000, 65_000, tier="host", bytes=80 * MB)
    end = ended("expired", 65_000, tier="host", bytes=80 * MB)

    assert spans(granted(), down, end, sold_until_ms=60_000) == [
        ("hbm", 0, 4_000, 400),
        ("host", 4_000, 60_000, 80 * 56),
    ]


def test_a_lease_for_the_disk_alone_is_charged_as_such():
    """Its engine says so from the beginning, while it is copied too."""
    begin = granted(ttl_ms=2_000, tier="disk")
    down = Fact(2, "demoted", 7_100, 65_000, tier="disk")
    end = ended("expired", 65_000, tier="disk")

    assert spans(begin, down, end, sold_until_ms=60_000) == [
        ("disk", 0, 2_000, 200),
        ("disk", 7_100, 60_000, 5_290),
    ]


def test_a_lease_for_host_memory_alone_is_charged_as_such():
    """It lies in HBM for 2 seconds and the grace, until it is surely copied."""
    begin = granted(ttl_ms=2_000, host_until_ms=65_000)
    down = Fact(2, "demoted", 7_100, 65_000, tier="host")
    end = ended("released", 30_000, tier="host")

    assert spans(begin, down, end, sold_until_ms=60_000) == [
        ("host", 0, 2_000, 200),
        ("host", 7_100, 30_000, 2_290),
    ]


@pytest.mark.parametrize("host_until_ms", [6_000, 7_000, 65_000])
def test_however_it_goes_on_it_is_charged_as_host_memory(host_until_ms):
    """Sold for one second, two, or a minute; extended before it was copied."""
    begin = granted(ttl_ms=2_000, host_until_ms=host_until_ms)
    more = Fact(2, "renewed", 900, 45_000, host_until_ms=65_000)

    found = spans(begin, more, ended("released", 30_000), sold_until_ms=1_000)

    assert found == [("host", 0, 30_000, 3_000)]


def test_grace_in_the_upper_tier_is_not_charged():
    down = Fact(2, "demoted", 20_000, 65_000, tier="host")
    end = ended("released", 30_000, tier="host")

    assert spans(granted(), down, end, sold_until_ms=60_000) == [
        ("hbm", 0, 15_000, 1_500),
        ("host", 20_000, 30_000, 1_000),
    ]


def test_what_keeps_a_lease_for_a_turn_that_waits_is_not_charged():
    """The turn came in time, at 14 s, and reached its engine at 21 s."""
    kept = Fact(2, "renewed", 17_000, 22_000, reason="turn_waits")
    again = Fact(3, "renewed", 20_000, 25_000, reason="turn_waits")

    assert spans(granted(), kept, again, ended("reused", 21_000)) == [
        ("hbm", 0, 15_000, 1_500)
    ]


def test_a_renewal_that_is_sold_counts_beside_it():
    kept = Fact(2, "renewed", 17_000, 22_000, reason="turn_waits")
    sold = Fact(3, "renewed", 18_000, 18_000 + 10_000 + GRACE_MS)

    assert spans(granted(), kept, sold, ended("reused", 60_000)) == [
        ("hbm", 0, 15_000, 1_500),
        ("hbm", 18_000, 28_000, 1_000),
    ]


def test_a_renewal_goes_on():
    """As one interval: each further one would be rounded down once more."""
    more = Fact(2, "renewed", 10_000, 45_000)

    found = spans(granted(), more, ended("released", 30_005))

    assert found == [("hbm", 0, 30_005, 3_000)]


def test_between_the_sold_end_and_a_late_renewal_nothing_is_charged():
    more = Fact(2, "renewed", 17_000, 42_000)

    assert spans(granted(), more, ended("released", 20_000)) == [
        ("hbm", 0, 15_000, 1_500),
        ("hbm", 17_000, 20_000, 300),
    ]


def test_an_engine_that_promised_less_is_believed():
    end = ended("expired", 30_000)

    assert spans(granted(ttl_ms=3_000), end) == [("hbm", 0, 3_000, 300)]


def test_a_demotion_that_was_never_told_was_at_once():
    end = ended("released", 10_000, tier="host", bytes=90 * MB)

    assert spans(granted(), end) == [("host", 0, 10_000, 900)]


@pytest.mark.parametrize(
    "facts",
    [
        [],
        [granted()],
        [ended("released", 5_000)],
        [Fact(1, "refused", 0, 0), ended("released", 5_000)],
        [granted(), ended("released", -5_000)],
        [granted(tier="tape"), ended("released", 5_000, tier="tape")],
        [granted(), ended("lost", 0, sequence=1, is_inferred=True)],
    ],
)
def test_what_is_not_proven_is_not_charged(facts):
    assert spans(*facts) == []


ENDS = st.sampled_from(["reused", "expired", "released", "revoked", "lost"])


ONWARD = st.integers(0, 40_000)


@st.composite
def stories(draw, *, steps=ONWARD):
    """A lease's facts and until when it was sold; with `steps` below zero its engine's
    clock goes back.
    """
    at_ms, number = draw(st.integers(0, 1000)), 1
    ttl_ms = draw(st.just(2_000) | st.integers(0, 30_000))
    host_until_ms = draw(st.just(0) | st.integers(0, 90_000))
    last = granted(at_ms, ttl_ms=ttl_ms, host_until_ms=host_until_ms)
    sold = at_ms + draw(st.integers(0, 90_000))
    facts = [last]
    for kind in draw(st.lists(st.sampled_from(["renewed", "demoted"]), max_size=5)):
        if kind == "demoted" and last.tier == "host":
            continue  # there is no tier below
        at_ms, number = at_ms + draw(steps), number + draw(st.integers(1, 3))
        until = max(last.until_ms, at_ms + draw(st.integers(GRACE_MS, 60_000)))
        last = replace(last, sequence=number, fact=kind, at_ms=at_ms, until_ms=until)
        if kind == "demoted":
            size = draw(st.integers(0, last.bytes))
            last = replace(last, tier="host", bytes=size)
        facts.append(last)
    at_ms = at_ms + draw(steps)
    end = replace(
        last, sequence=number + 1, fact=draw(ENDS), at_ms=at_ms, until_ms=at_ms
    )
    return [*facts, end], sold


def amount(found):
    """In nanos times 10^15, unrounded."""
    return sum(
        one.bytes * (one.ended_ms - one.started_ms) * RATES[one.tier] for one in found
    )


@given(stories(steps=st.integers(-40_000, 40_000)))
def test_no_moment_is_charged_twice_and_nothing_below_zero(story):
    facts, sold = story
    found = lease_intervals(facts, sold_until_ms=sold)
    latest = max([sold, *(f.until_ms - GRACE_MS for f in facts if f.fact == "renewed")])

    before = min(fact.at_ms for fact in facts)
    for one in found:
        assert before <= one.started_ms < one.ended_ms <= latest
        before = one.ended_ms
        assert 0 <= one.mb_s * 10**9 <= one.bytes * (one.ended_ms - one.started_ms)


@given(stories())
def test_charged_is_at_most_what_was_held_and_what_was_sold(story):
    facts, sold = story
    found = lease_intervals(facts, sold_until_ms=sold)
    charged = sum(one.ended_ms - one.started_ms for one in found)
    latest = max([sold, *(f.until_ms - GRACE_MS for f in facts if f.fact == "renewed")])

    assert charged <= facts[-1].at_ms - facts[0].at_ms
    assert charged <= max(0, latest - facts[0].at_ms)


@given(stories(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(story, chance):
    facts, sold = story
    again = facts + chance.sample(facts, len(facts))
    chance.shuffle(again)
    unique = list({fact.sequence: fact for fact in again}.values())

    assert lease_intervals(unique, sold_until_ms=sold) == lease_intervals(
        facts, sold_until_ms=sold
    )


@given(stories(), st.data())
def test_a_missing_receipt_makes_nothing_dearer(story, data):
    facts, sold = story
    gone = data.draw(st.sets(st.sampled_from(facts)))
    left = [fact for fact in facts if fact not in gone]

    less = lease_intervals(left, sold_until_ms=sold)

    assert amount(less) <= amount(lease_intervals(facts, sold_until_ms=sold))


@given(stories(), st.integers(0, 40_000))
def test_an_earlier_end_is_never_dearer(story, earlier):
    """Release and expiry, loss and reuse: each stops the meter at once."""
    facts, sold = story
    end = facts[-1]
    at_ms = max(facts[-2].at_ms, end.at_ms - earlier)
    sooner = [*facts[:-1], replace(end, fact="released", at_ms=at_ms)]

    assert amount(lease_intervals(sooner, sold_until_ms=sold)) <= amount(
        lease_intervals(facts, sold_until_ms=sold)
    )
