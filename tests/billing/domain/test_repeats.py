"""Calls that seem to begin alike, and whether keeping that would have paid."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.domain.advice import Verdict
from billing.domain.repeats import (
    CALLS_MIN,
    CallInput,
    Storage,
    cost_of_holding,
    find_beginning,
    weigh,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STORAGE = Storage(
    tier="host",
    block_tokens=32,
    block_bytes=32 * 46_080,
    rate_nanos_per_million=200_000,
)
NEW, CACHED = 100_000_000, 20_000_000


def begun(some):
    return find_beginning(some, block_tokens=32)


def calls(*cached, input_tokens=2_000, leased=0):
    """A minute apart."""
    return [
        CallInput(
            at=NOON + n * MINUTE,
            input_tokens=input_tokens,
            cached_tokens=tokens,
            leased_tokens=leased,
        )
        for n, tokens in enumerate(cached)
    ]


def weighed(found):
    cost = cost_of_holding(found, STORAGE, input_nanos_per_million=NEW)
    return weigh(found, cost_nanos=cost, new_rate=NEW, cached_rate=CACHED)


def test_it_works():
    """24 of 30 calls find 1,024 tokens or more, and 6 nothing."""
    some = calls(*[1_024] * 20, *[1_500] * 4, *[0] * 6)

    found = begun(some)

    assert (found.tokens, found.hits, found.calls) == (1_024, 24, 30)
    assert found.hit_tokens == 24 * 1_024
    assert found.missed_new_tokens == 6 * 1_024
    kept = weighed(found)
    assert kept.least_without_nanos == 24 * 1_024 * 20
    assert kept.most_without_nanos == 24 * 1_024 * 20 + 6 * 1_024 * 100
    # 1,024 tokens as new input, and 47.2 MB through 29 minutes: 82,103 MB_s.
    assert kept.with_nanos == 1_024 * 100 + 16_421
    assert kept.verdict is Verdict.PAID


def test_whole_blocks_are_held():
    found = begun(calls(*[1_055] * 30))

    assert found.tokens == 1_024


def test_conversations_of_their_own_are_no_beginning():
    """Every fourth call is a first turn and finds nothing."""
    some = calls(*[0, 500, 900, 1_300] * 10)

    assert begun(some) is None


def test_too_few_calls_prove_nothing():
    some = calls(*[1_024] * (CALLS_MIN - 1))

    assert begun(some) is None


def test_what_a_lease_paid_for_is_not_saved_again():
    found = begun(calls(*[1_024] * 30, leased=1_000))

    assert found.hit_tokens == 30 * 24
    assert weighed(found).verdict is Verdict.LOST


def test_calls_that_were_too_short_are_left_out():
    some = calls(*[1_024] * 28) + calls(0, 0, input_tokens=100)

    assert begun(some).missed_new_tokens == 0


counts = st.integers(0, 4_000)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(counts, counts, counts), min_size=20, max_size=24))
def test_what_was_surely_paid_is_never_more_than_what_was_paid(numbers):
    """Of all input that no lease paid for, by what the engine found of it."""
    some = [
        CallInput(
            at=NOON + n * MINUTE,
            input_tokens=max(three),
            cached_tokens=three[1],
            leased_tokens=three[2],
        )
        for n, three in enumerate(numbers)
    ]
    paid = 0
    for one in some:
        cached = max(0, one.cached_tokens - one.leased_tokens)
        paid += cached * CACHED
        paid += (one.input_tokens - one.leased_tokens - cached) * NEW
    found = begun(some)
    if found is None:
        return
    kept = weighed(found)

    assert 0 <= kept.least_without_nanos <= kept.most_without_nanos
    assert kept.most_without_nanos <= paid // 10**6 + 2
