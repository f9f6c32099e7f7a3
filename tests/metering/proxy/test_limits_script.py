"""The scripts decide as metering/domain/limits.py does, over random histories."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.domain.limits import (
    BUCKET_MS,
    UNLIMITED,
    Ask,
    Bounds,
    Correction,
    Counts,
    Held,
    Slice,
    bucket_of,
)
from tests.metering.proxy.limit_script import CLOCK, Limited, Scripts

FIXED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def scripts(valkey: redis.Redis) -> Scripts:
    return Scripts(valkey)


def requests_and_tokens(requests: int, tokens: int) -> Bounds:
    return Bounds([("{1}:w", (requests, tokens, UNLIMITED))], [], [])


def test_it_holds_as_much_as_there_is(scripts: Scripts):
    limited = Limited(scripts, requests_and_tokens(UNLIMITED, 100))
    assert limited.hold(10, 60)[3] == 60
    assert limited.hold(10, 60)[3] == 40
    refused = limited.hold(10, 60)
    assert refused[0] == 0
    assert refused[2] == 2  # the second of the window's three: tokens
    assert refused[3] == 60_250


def test_what_is_told_to_wait_fits_then_and_not_before(scripts: Scripts):
    """litellm#24677: trips early, locks out for minutes."""
    limited = Limited(scripts, requests_and_tokens(UNLIMITED, 100))
    scripts.advance(130)
    limited.hold(70)
    scripts.advance(10_000)
    limited.hold(30)
    wait_ms = limited.hold(50)[3]
    scripts.advance(wait_ms - 1)
    assert limited.hold(50)[0] == 0
    scripts.advance(1)
    assert limited.hold(50)[0] == 1
    assert limited.hold(21)[0] == 0


def test_a_settled_hold_makes_room(scripts: Scripts):
    limited = Limited(scripts, requests_and_tokens(10, 100))
    _, _, bucket, held, *_ = limited.hold(10, 100)
    limited.settle((bucket, 0, 30 - held, 0, 0, 30, 0))
    assert limited.hold(1, 100)[3] == 70


def test_a_call_longer_than_the_window_counts_when_it_ends(scripts: Scripts):
    limited = Limited(scripts, requests_and_tokens(10, 100))
    _, _, bucket, held, *_ = limited.hold(100)
    scripts.advance(90_000)
    limited.settle((bucket, 0, 80 - held, 0, 0, 80, 0))
    assert limited.hold(1, 100)[3] == 20


def test_a_hold_is_adjusted_in_place(scripts: Scripts):
    limited = Limited(scripts, requests_and_tokens(10, 100))
    _, _, bucket, held, *_ = limited.hold(90)
    previous = (bucket, held, 0, "", 0)
    assert limited.hold(101, requests=0, previous=previous)[0] == 0
    scripts.advance(1000)
    adjusted = limited.hold(95, requests=0, previous=previous)
    assert adjusted[3] == 95
    assert adjusted[6] == 9  # requests left: still one
    assert adjusted[8] == 5


def test_the_longest_wait_is_told(scripts: Scripts):
    bounds = Bounds(
        [("{1}:a", (1, UNLIMITED, UNLIMITED)), ("{1}:b", (UNLIMITED, 10, UNLIMITED))],
        [("{1}:day", 2)],
        [("{1}:running", 1)],
    )
    limited = Limited(scripts, bounds)
    assert limited.hold(1, call_id="a")[0] == 1
    assert limited.hold(1, call_id="b")[2] == 1
    scripts.advance(60_500)
    scripts.run("renew", [], (15_000, ["{1}:running", "a"], []))
    assert limited.hold(1, call_id="c")[2] == 8  # one runs
    limited.settle(places=["a"])
    assert limited.hold(1, call_id="d")[0] == 1
    limited.settle(places=["d"])
    assert limited.hold(1, call_id="e")[2] == 7  # the day, longer than the minute


def test_a_running_call_that_nobody_renews_ends(scripts: Scripts):
    limited = Limited(scripts, Bounds([], [], [("{1}:running", 1)]))
    assert limited.hold(call_id="a")[0] == 1
    scripts.advance(14_000)
    scripts.run("renew", [], (15_000, ["{1}:running", "a"], []))
    scripts.advance(14_000)
    assert limited.hold(call_id="b")[0] == 0
    scripts.advance(1000)
    assert limited.hold(call_id="b")[0] == 1


def test_every_counter_leaves_by_itself(scripts: Scripts, valkey: redis.Redis):
    bounds = Bounds([("{1}:w", (5, 5, 5))], [("{1}:day", 5)], [("{1}:running", 5)])
    limited = Limited(scripts, bounds)
    limited.hold(1, images=1)
    limited.hold(9)
    names = set(valkey.keys("*")) - {CLOCK.encode()}
    assert len(names) == 3
    assert all(valkey.ttl(name) > 0 for name in names)


def test_parallel_holds_never_sum_above_the_limit(scripts: Scripts):
    limited = Limited(scripts, requests_and_tokens(UNLIMITED, 1000))
    held: list[int] = []
    lock = threading.Lock()

    def hold(number: int) -> None:
        answer = limited.hold(1 + number % 7, 1 + number % 50)
        if answer[0] == 1:
            with lock:
                held.append(answer[3])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, range(400)))
    assert sum(held) == 1000


# Slices.

PLENTY = (10, 100, 0, 10, 0)
"""Wanted: ten requests and 100 tokens; a call has at most 10."""


def test_a_slice_is_taken_out_of_the_limit(scripts: Scripts):
    limited = Limited(scripts, requests_and_tokens(1000, 10_000), processes=3)
    answer = limited.hold(10, wanted=PLENTY)
    assert answer[9:12] == [10, 100, 0]
    answer = limited.hold(10)
    assert (answer[6], answer[8]) == (1000 - 12, 10_000 - 120)


def test_no_slice_is_granted_near_a_limit(scripts: Scripts):
    limited = Limited(scripts, requests_and_tokens(1000, 240), processes=3)
    assert len(limited.hold(10, wanted=PLENTY)) == 9
    limited = Limited(scripts, requests_and_tokens(1000, 260), processes=3)
    assert len(limited.hold(10, wanted=PLENTY)) == 14


def test_a_slice_that_comes_back_gives_what_was_not_used(scripts: Scripts):
    limited = Limited(scripts, requests_and_tokens(1000, 10_000))
    answer = limited.hold(10, wanted=PLENTY)
    bucket = answer[12]
    answer = limited.hold(10, returned=(bucket, 10, 100, 0, 3, 30, 0))
    assert (answer[6], answer[8]) == (1000 - 5, 10_000 - 50)


def test_nobody_is_refused_for_good_while_slices_are_out(scripts: Scripts):
    limited = Limited(scripts, requests_and_tokens(100, 10_000))
    bucket = limited.hold(wanted=(20, 0, 0, 0, 0))[12]
    for _ in range(79):
        assert limited.hold()[0] == 1
    verdict, _, limit, wait_ms, *_ = limited.hold()
    assert (verdict, limit) == (3, 1)
    assert wait_ms <= 750
    limited.settle(requests=-15, returned=(bucket, 20, 0, 0, 5, 0, 0))
    assert limited.hold(wanted=(20, 0, 0, 0, 0))[0] == 1
    assert [limited.hold()[0] for _ in range(15)] == [1] * 14 + [0]


def test_a_slice_of_a_dead_process_is_used_up(scripts: Scripts):
    """It may have spent it to the end of its life, so it leaves later than holds."""
    limited = Limited(scripts, requests_and_tokens(100, 10_000))
    limited.hold(wanted=(20, 0, 0, 0, 0))
    scripts.advance(60_250)
    assert limited.hold()[6] == 100 - 21
    scripts.advance(500)
    assert limited.hold()[6] == 100 - 2


# Against the rules in Python.

AMOUNT = st.sampled_from([UNLIMITED, 1, 3, 10, 50])
STEP = st.one_of(
    st.tuples(
        st.just("hold"),
        st.integers(0, 20),
        st.integers(0, 40),
        st.integers(0, 3),
    ),
    st.tuples(st.just("settle"), st.integers(0, 50), st.integers(0, 60), st.just(0)),
    st.tuples(st.just("void"), st.integers(0, 50), st.just(0), st.just(0)),
    st.tuples(
        st.just("wait"),
        st.sampled_from(
            [1, 90, 250, 400, 3000, 20_000, 59_900, 60_600, 61_500, 500_000]
        ),
        st.just(0),
        st.just(0),
    ),
    st.tuples(
        st.just("slice"), st.integers(0, 5), st.integers(0, 20), st.integers(0, 2)
    ),
)


class Both:
    """The scripts and the rules, side by side."""

    def __init__(self, scripts: Scripts, bounds: Bounds) -> None:
        self.scripts, self.bounds = scripts, bounds
        self.limited = Limited(scripts, bounds)
        self.counts = Counts()
        self.held: list[tuple[str, int, int, int]] = []
        self.calls = 0

    def hold(self, least: int, more: int, images: int) -> None:
        self.calls += 1
        call_id, now_ms = str(self.calls), self.scripts.now_ms
        ask = Ask(1, least, least + more, images)
        answer = self.limited.hold(least, least + more, images=images, call_id=call_id)
        expected = self.counts.hold(self.bounds, ask, call_id=call_id, now_ms=now_ms)
        if isinstance(expected, Held):
            assert answer[0] == 1
            assert (answer[2], answer[3]) == expected
            self.held.append((call_id, expected.bucket, expected.tokens, images))
        else:
            assert answer[0] in {0, 3}
            assert answer[2] - 1 == expected.limit
            if expected.wait_ms is not None and answer[0] == 0:
                assert answer[3] == expected.wait_ms
        for number, (name, limits) in enumerate(self.bounds.windows):
            for kind, limit in enumerate(limits):
                if limit != UNLIMITED and answer[0] == 1 and number == kind == 0:
                    window = self.counts.windows[name]
                    assert window.sums[kind] <= limit + self.calls * 60

    def settle(self, number: int, tokens: int, _: int) -> None:
        if self.held:
            call_id, bucket, held, images = self.held.pop(number % len(self.held))
            self._correct(
                call_id, bucket, (0, tokens - held, 0), (0, tokens, images), 0
            )

    def void(self, number: int, *_: int) -> None:
        if self.held:
            call_id, bucket, held, images = self.held.pop(number % len(self.held))
            self._correct(call_id, bucket, (-1, -held, -images), (0, 0, 0), -1)

    def _correct(
        self, call_id: str, bucket: int, change: Any, late: Any, n: int
    ) -> None:
        places = [call_id] if call_id else []
        self.limited.settle((bucket, *change, *late), requests=n, places=places)
        self.counts.settle(
            self.bounds,
            Correction(bucket, change, late),
            requests=n,
            call_id=call_id,
            now_ms=self.scripts.now_ms,
        )

    def wait(self, milliseconds: int, *_: int) -> None:
        # Running calls have no deadline in the rules: renewed before they could end.
        running = [
            part
            for call_id, *_ in self.held
            for name, _ in self.bounds.running
            for part in (name, call_id)
        ]
        self.scripts.advance(milliseconds)
        self.scripts.run("renew", [], (15_000, running, []))

    def slice(self, requests: int, tokens: int, images: int) -> None:
        """One that was granted half a second ago, all of it used but a request."""
        bucket = bucket_of(self.scripts.now_ms)
        change = (requests, tokens, images)
        self._correct("", bucket, change, (0, 0, 0), requests)
        granted, used = (
            (requests, tokens, images),
            (max(0, requests - 1), tokens, images),
        )
        self.limited.settle(
            requests=used[0] - requests, returned=(bucket, *granted, *used)
        )
        for name, _ in self.bounds.windows:
            window = self.counts.windows[name]
            window.advance(self.scripts.now_ms)
            window.take_back(Slice(bucket, granted, used))
        for name, _ in self.bounds.counters:
            left = self.counts.counters[name] + used[0] - requests
            self.counts.counters[name] = max(0, left)

    def compare(self) -> None:
        """Nothing is claimed, so the answer is the state."""
        for number, (name, limits) in enumerate(self.bounds.windows):
            bounds = Bounds([self.bounds.windows[number]], [], [])
            probe = Limited(self.scripts, bounds).hold(requests=0)
            window = self.counts._window(name, self.scripts.now_ms)
            for kind, at in ((0, 6), (1, 8)):
                if limits[kind] != UNLIMITED:
                    assert probe[at] == max(0, limits[kind] - window.sums[kind])


@FIXED
@given(
    windows=st.lists(st.tuples(AMOUNT, AMOUNT, AMOUNT), max_size=3),
    counters=st.lists(st.sampled_from([2, 20]), max_size=2),
    running=st.lists(st.sampled_from([1, 4]), max_size=2),
    steps=st.lists(STEP, min_size=1, max_size=40),
    begin=st.integers(0, 999),
)
def test_the_script_follows_the_rules(  # noqa: PLR0917 - drawn by name
    scripts: Scripts, windows, counters, running, steps, begin
):
    scripts.valkey.flushdb()
    scripts.set_clock(1_800_000_000_000 + begin)
    bounds = Bounds(
        [(f"{{1}}:w{n}", triple) for n, triple in enumerate(windows)],
        [(f"{{1}}:c{n}", amount) for n, amount in enumerate(counters)],
        [(f"{{1}}:r{n}", amount) for n, amount in enumerate(running)],
    )
    both = Both(scripts, bounds)
    for act, *numbers in steps:
        step: Callable[..., None] = getattr(both, act)
        step(*numbers)
        both.compare()


def test_a_steady_load_gets_its_limit_to_one_percent(scripts: Scripts):
    """litellm#18953: admitted over limit, at a load of three times the limit."""
    limited = Limited(scripts, requests_and_tokens(UNLIMITED, 6000))
    admitted: list[tuple[int, int]] = []
    for _ in range(3 * 60 * 5):
        scripts.advance(200)
        if limited.hold(60)[0] == 1:
            admitted.append((scripts.now_ms, 60))
    first, last = admitted[0][0], scripts.now_ms
    minutes = (last - first) / 60_000
    assert sum(tokens for _, tokens in admitted) / minutes > 0.99 * 6000
    for at, _ in admitted:
        within = sum(tokens for when, tokens in admitted if at <= when < at + 60_000)
        assert within <= 6000
    assert BUCKET_MS <= 250
