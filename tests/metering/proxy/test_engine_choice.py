"""Which engine a call goes to when some hold the beginning of its prompt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.proxy.engine_choice import Choice, Pace, ranked


def choice(calls=0, held_tokens=0, *, call_seconds=None, token_seconds=None):
    pace = Pace()
    pace.call_seconds, pace.token_seconds = call_seconds, token_seconds
    return Choice(calls=calls, held_tokens=held_tokens, pace=pace)


def test_it_works():
    assert ranked([choice(), choice(held_tokens=1000)]) == [1, 0]


def test_of_several_holders_it_takes_the_less_busy():
    busy, idle = choice(3, 1000, call_seconds=0.1), choice(1, 1000, call_seconds=0.1)
    assert ranked([busy, idle, choice(0)])[0] == 1
    assert ranked([choice(3, 1000), choice(1, 1000)]) == [1, 0]


@pytest.mark.parametrize(("calls", "best"), [(9, 0), (11, 1)])
def test_it_waits_as_long_as_that_takes_less_time_than_to_compute(calls, best):
    """1,000 tokens of a millisecond are ten calls of 100 ms."""
    holder = choice(calls, 1000, call_seconds=0.1, token_seconds=0.001)
    other = choice(0, 0, call_seconds=0.1, token_seconds=0.001)
    assert ranked([holder, other])[0] == best


def test_what_is_not_known_of_one_is_as_with_the_others():
    holder = choice(11, 1000, call_seconds=0.1, token_seconds=0.001)
    assert ranked([holder, choice()])[0] == 1
    assert ranked(
        [choice(11, 1000), choice(call_seconds=0.1, token_seconds=0.001)]
    ) == [
        1,
        0,
    ]


def test_before_anything_was_measured_the_holder_is_right():
    assert ranked([choice(500, 1000), choice()]) == [0, 1]


CHOICES = st.builds(
    choice,
    st.integers(0, 1000),
    held_tokens=st.integers(0, 10**6),
    call_seconds=st.none() | st.floats(0, 60),
    token_seconds=st.none() | st.floats(1e-6, 0.1),
)


@given(st.lists(CHOICES, max_size=6))
def test_all_are_ranked_once(choices):
    assert sorted(ranked(choices)) == list(range(len(choices)))


@given(CHOICES, st.integers(1, 10**6))
def test_who_holds_more_and_is_no_busier_is_never_second(one, more):
    better = Choice(calls=one.calls, held_tokens=one.held_tokens + more, pace=one.pace)
    assert ranked([one, better]) == [1, 0]


def test_a_call_takes_its_part_of_the_engine():
    pace = Pace()
    pace.note_call(2.0, calls=10)
    assert pace.call_seconds == pytest.approx(0.2)
    pace.note_call(1.2, calls=1)
    assert pace.call_seconds == pytest.approx(0.3)


def test_a_prefill_is_told_by_what_was_new():
    pace = Pace()
    pace.note_prefill(5.0, new_tokens=63, calls=1)
    assert pace.token_seconds is None
    pace.note_prefill(1.0, new_tokens=500, calls=2)
    assert pace.token_seconds == pytest.approx(0.001)


@given(
    st.lists(
        st.tuples(st.floats(-1e9, 1e9), st.integers(0, 10**6), st.integers(-1, 5000))
    )
)
def test_no_measurement_leaves_the_bounds(measured):
    pace = Pace()
    for seconds, tokens, calls in measured:
        pace.note_call(seconds, calls=calls)
        pace.note_prefill(seconds, new_tokens=tokens, calls=calls)
    assert 0 <= (pace.call_seconds or 0) <= 60
    assert pace.token_seconds is None or 1e-6 <= pace.token_seconds <= 0.1
