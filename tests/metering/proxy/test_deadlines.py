"""The wheel of time-outs: never early, never twice, and it keeps nobody."""

import asyncio
import gc
import time
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.proxy.deadlines import Deadlines

SLOT_SECONDS = 0.1


class Watched:
    def __init__(self) -> None:
        self.deadline = float("inf")
        self.watched_slot = -1
        self.calls = 0

    def on_deadline(self) -> None:
        self.calls += 1


@pytest.fixture
def deadlines() -> Deadlines:
    return Deadlines()


def turn_until(deadlines: Deadlines, seconds: float) -> None:
    """As if `seconds` had passed in ordinary steps."""
    start = time.monotonic()
    steps = int(seconds / SLOT_SECONDS) + 1
    for step in range(steps + 1):
        deadlines.turn(start + min(step * SLOT_SECONDS, seconds))


def test_it_works(deadlines: Deadlines):
    watched = Watched()
    deadlines.set(watched, 1.0)
    turn_until(deadlines, 0.99)
    assert watched.calls == 0
    turn_until(deadlines, 1.2)
    assert watched.calls == 1


def test_it_is_called_once(deadlines: Deadlines):
    watched = Watched()
    deadlines.set(watched, 0.5)
    turn_until(deadlines, 30)
    assert watched.calls == 1


def test_a_deadline_moved_later_is_not_kept_to_the_earlier_one(deadlines: Deadlines):
    watched = Watched()
    deadlines.set(watched, 0.5)
    deadlines.set(watched, 5)
    turn_until(deadlines, 4.9)
    assert watched.calls == 0
    turn_until(deadlines, 5.2)
    assert watched.calls == 1


def test_a_deadline_moved_earlier_is_kept_then_and_not_again(deadlines: Deadlines):
    watched = Watched()
    deadlines.set(watched, 5)
    deadlines.set(watched, 0.5)
    turn_until(deadlines, 0.7)
    assert watched.calls == 1
    turn_until(deadlines, 6)
    assert watched.calls == 1


def test_earlier_then_later_again(deadlines: Deadlines):
    watched = Watched()
    for seconds in (5, 0.5, 3):
        deadlines.set(watched, seconds)
    turn_until(deadlines, 2.9)
    assert watched.calls == 0
    turn_until(deadlines, 10)
    assert watched.calls == 1


def test_a_deadline_taken_back_is_not_called(deadlines: Deadlines):
    watched = Watched()
    deadlines.set(watched, 0.5)
    watched.deadline = float("inf")
    turn_until(deadlines, 2)
    assert watched.calls == 0


def test_one_set_again_after_its_call_is_called_again(deadlines: Deadlines):
    watched = Watched()
    deadlines.set(watched, 0.5)
    turn_until(deadlines, 1)
    watched.deadline = time.monotonic() + 2
    deadlines.set(watched, 2)
    turn_until(deadlines, 3)
    assert watched.calls == 2


def test_one_that_sets_itself_again_in_its_call(deadlines: Deadlines):
    class Repeating(Watched):
        def on_deadline(self) -> None:
            super().on_deadline()
            deadlines.set(self, 0)

    watched = Repeating()
    deadlines.set(watched, 0)
    turn_until(deadlines, 1)
    assert 2 <= watched.calls <= 12  # a slot each, not an endless turn


def test_a_wheel_that_stood_still_catches_up(deadlines: Deadlines):
    """A busy process may turn seconds late: everything due is called, nothing else."""
    due, later = Watched(), Watched()
    deadlines.set(due, 1)
    deadlines.set(later, 30)
    deadlines.turn(time.monotonic() + 20)
    assert (due.calls, later.calls) == (1, 0)


def test_it_lets_go_of_what_was_taken_back(deadlines: Deadlines):
    """A call is given minutes for its answer and takes milliseconds: the wheel must not
    keep it, with its request and answer, until the minutes have passed.
    """
    watched = Watched()
    deadlines.set(watched, 600)
    deadlines.set(watched, 1)
    watched.deadline = float("inf")
    remaining = weakref.ref(watched)
    del watched
    turn_until(deadlines, 3)
    gc.collect()
    assert remaining() is None


async def test_it_turns_by_itself(deadlines: Deadlines):
    came = asyncio.Event()

    class Announcing(Watched):
        def on_deadline(self) -> None:
            super().on_deadline()
            came.set()

    watched, began = Announcing(), time.monotonic()
    turning = asyncio.create_task(deadlines.keep_turning())
    deadlines.set(watched, 0.3)
    await asyncio.wait_for(came.wait(), 5)
    turning.cancel()
    assert time.monotonic() - began >= 0.3
    assert watched.calls == 1


@given(
    moves=st.lists(
        st.tuples(st.integers(0, 40), st.integers(-1, 60)), min_size=1, max_size=20
    )
)
def test_whatever_is_moved_it_is_called_on_time_and_once(
    moves: list[tuple[int, int]],
):
    """Moves are (tenths of a second until the move, tenths to the new deadline; -1:
    taken back). The model: an object is called in the first slots after its deadline.
    """
    deadlines, watched = Deadlines(), Watched()
    now, expected_at = time.monotonic(), float("inf")

    def pass_time(until: float) -> None:
        nonlocal now, expected_at
        while now < until:
            now += SLOT_SECONDS
            before = watched.calls
            deadlines.turn(now)
            if watched.calls > before:
                assert watched.calls == before + 1
                assert expected_at <= now <= expected_at + 3 * SLOT_SECONDS
                expected_at = watched.deadline = float("inf")
            assert now <= expected_at + 3 * SLOT_SECONDS

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("metering.proxy.deadlines.time.monotonic", lambda: now)
        for wait, seconds in moves:
            pass_time(now + wait * SLOT_SECONDS)
            if seconds < 0:
                watched.deadline = expected_at = float("inf")
            else:
                deadlines.set(watched, seconds * SLOT_SECONDS)
                expected_at = watched.deadline
        pass_time(now + 10)
    assert expected_at == float("inf")
