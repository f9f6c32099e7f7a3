"""Which credit pays. Amounts are small numbers, times are days of one month."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.credit import (
    Grant,
    Share,
    allocate,
    consumed_before_expiry,
    in_order,
)

FIRST = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def on(day: int) -> datetime:
    return FIRST + (day - 1) * DAY


def make(
    number: int,
    left: int,
    *,
    priority: int = 20,
    begin: int = 1,
    end: int | None = None,
) -> Grant:
    return Grant(
        grant_id=number,
        remaining_nanos=left,
        priority=priority,
        granted_at=on(begin),
        expires_at=on(end) if end else None,
    )


GIFT = make(1, 5, priority=10, end=20)
OLD = make(2, 30)
NEW = make(3, 40, begin=5)
ENDING = make(4, 7, begin=6, end=25)
USED_UP = make(5, 0, priority=1)


@pytest.mark.parametrize(
    ("grants", "order"),
    [
        # The gift has the lower priority number.
        ([OLD, GIFT], [1, 2]),
        # Of one priority, what expires comes before what does not,
        ([OLD, ENDING], [4, 2]),
        # and the older before the newer.
        ([NEW, OLD], [2, 3]),
        ([NEW, ENDING, GIFT, OLD], [1, 4, 2, 3]),
    ],
)
def test_the_order_of_spending(grants, order):
    assert [one.grant_id for one in in_order(grants, at=on(10))] == order


def test_what_has_expired_comes_first():
    """What it has left was used before, by calls that are to be paid now."""
    late_gift = make(6, 3, priority=1, begin=26)

    order = in_order([late_gift, OLD, ENDING], at=on(26))

    assert [one.grant_id for one in order] == [4, 6, 2]


@pytest.mark.parametrize(
    ("amount", "shares"),
    [
        (3, [(1, 3)]),
        # 5 of the gift, 7 of what ends, 8 of the oldest.
        (20, [(1, 5), (4, 7), (2, 8)]),
        # There is no more than 5 + 7 + 30 + 40.
        (100, [(1, 5), (4, 7), (2, 30), (3, 40)]),
        (0, []),
    ],
)
def test_it_allocates(amount, shares):
    grants = [NEW, USED_UP, ENDING, OLD, GIFT]

    assert allocate(grants, amount, at=on(10)) == [Share(*one) for one in shares]


@pytest.mark.parametrize(
    ("unbilled", "consumed"),
    [
        # Nobody called: all 7 expire.
        (0, 0),
        # 9 are unbilled until then: the gift, being first, pays 5, this one 4.
        (9, 4),
        # It is used up, and the oldest grant pays the rest.
        (20, 7),
    ],
)
def test_what_calls_used_before_the_end(unbilled, consumed):
    gift = make(1, 5, priority=10)
    others = [gift, OLD, NEW]

    assert consumed_before_expiry(ENDING, others, unbilled_nanos=unbilled) == consumed


def test_what_is_granted_after_the_end_pays_nothing_of_it():
    after = make(6, 100, priority=1, begin=25)

    assert consumed_before_expiry(ENDING, [after], unbilled_nanos=5) == 5


def test_what_ended_before_pays_first():
    """4 were used before the 20th already; of 6 until the 25th, 2 remain."""
    gone = make(1, 4, priority=30, end=20)

    assert consumed_before_expiry(ENDING, [gone], unbilled_nanos=6) == 2


def test_two_that_end_together_go_by_their_order():
    twin = make(6, 7, priority=10, begin=6, end=25)

    assert consumed_before_expiry(ENDING, [twin], unbilled_nanos=9) == 2
    assert consumed_before_expiry(twin, [ENDING], unbilled_nanos=9) == 7


def test_what_never_ends_is_kept():
    assert consumed_before_expiry(OLD, [GIFT], unbilled_nanos=0) == 30


@st.composite
def many_grants(draw) -> list[Grant]:
    number = draw(st.integers(0, 6))
    made = []
    for grant_id in range(number):
        begin = draw(st.integers(1, 28))
        end = draw(st.none() | st.integers(begin + 1, 30))
        left = draw(st.integers(0, 50))
        priority = draw(st.integers(0, 3))
        made.append(make(grant_id, left, priority=priority, begin=begin, end=end))
    return made


@given(many_grants(), st.integers(0, 200), st.integers(1, 30))
def test_no_allocation_takes_more_than_there_is(grants, amount, day):
    """20,000 examples once."""
    shares = allocate(grants, amount, at=on(day))

    left = {one.grant_id: one.remaining_nanos for one in grants}
    assert all(0 < share.amount_nanos <= left[share.grant_id] for share in shares)
    assert sum(share.amount_nanos for share in shares) == min(
        amount, sum(left.values())
    )
    # All but the last are used up, and whoever is left out comes later.
    for before, _ in pairwise(shares):
        assert before.amount_nanos == left[before.grant_id]
    order = [one.grant_id for one in in_order(grants, at=on(day)) if left[one.grant_id]]
    assert order[: len(shares)] == [share.grant_id for share in shares]


@given(many_grants(), st.integers(0, 200), st.integers(0, 200))
def test_more_calls_never_let_more_expire(grants, unbilled, further):
    """20,000 examples once."""
    for one in grants:
        others = [other for other in grants if other is not one]
        few = consumed_before_expiry(one, others, unbilled_nanos=unbilled)
        more = consumed_before_expiry(one, others, unbilled_nanos=unbilled + further)
        assert 0 <= few <= more <= one.remaining_nanos
