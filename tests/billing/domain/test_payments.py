"""What a provider says, and what follows from it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.domain.payments import (
    RETRY_SECONDS,
    RefundTold,
    Told,
    failure_words,
    may_follow,
    refund_may_follow,
    retry_after_seconds,
)

LIVES = [
    [Told.PENDING, Told.SUCCEEDED],
    [Told.PENDING, Told.FAILED],
    [Told.REQUIRES_ACTION, Told.SUCCEEDED],
    [Told.REQUIRES_ACTION, Told.CANCELED],
    [Told.PENDING, Told.REQUIRES_ACTION, Told.SUCCEEDED],
    [Told.REQUIRES_ACTION, Told.PENDING, Told.SUCCEEDED],
    [Told.REQUIRES_ACTION, Told.PENDING, Told.FAILED],
    [Told.PENDING, Told.FAILED, Told.SUCCEEDED],
]
"""How a payment may go at Stripe, as we are told of it."""


def fold(reads: list[Told]) -> str:
    present = "pending"
    for told in reads:
        if may_follow(present, told):
            present = told
    return present


@st.composite
def schedules(draw):
    """A life, and the moments at which we read: each change brings at least one event,
    and each event at least one read, not before the change. Reads are taken over in any
    order.
    """
    life = draw(st.sampled_from(LIVES))
    reads = [
        moment
        for changed_at in range(len(life))
        for moment in draw(
            st.lists(st.integers(changed_at, len(life) - 1), min_size=1, max_size=4)
        )
    ]
    return life, [life[moment] for moment in draw(st.permutations(reads))]


@given(schedules())
@settings(max_examples=10_000, deadline=None)
def test_every_schedule_of_reads_comes_to_the_same_end(schedule):
    """10,000 schedules of repeated, late and reordered events."""
    life, reads = schedule

    assert fold(reads) == life[-1]


@pytest.mark.parametrize("told", set(Told) - {Told.SUCCEEDED})
@pytest.mark.parametrize("present", ["failed", "canceled", "succeeded", "reversed"])
def test_an_end_does_not_give_way(present, told):
    assert not may_follow(present, told)


def test_money_that_comes_after_all_counts():
    assert may_follow("failed", Told.SUCCEEDED)
    assert may_follow("canceled", Told.SUCCEEDED)


def test_money_that_a_bank_took_back_is_not_there_by_an_old_word():
    assert not may_follow("reversed", Told.SUCCEEDED)


@given(st.permutations([*RefundTold, *RefundTold]))
@settings(max_examples=200)
def test_a_refund_that_failed_has_failed(reads):
    present = "pending"
    for told in reads:
        if refund_may_follow(present, told):
            present = told
    assert present == "failed"


@pytest.mark.parametrize("code", ["insufficient_funds", "do_not_honor", "never heard"])
def test_every_failure_has_words(code):
    assert len(failure_words(code)) > 20
    assert failure_words("") == ""


def test_tries_come_at_growing_distances():
    found = [retry_after_seconds(tries) for tries in range(1, 10)]

    assert found == sorted(found)
    assert (found[0], found[-1]) == (RETRY_SECONDS[0], RETRY_SECONDS[-1])
