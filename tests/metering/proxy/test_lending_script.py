"""The scripts lend places as metering/domain/limits.py says, over random histories."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.domain.limits import Ask, Bounds, Correction, Counts, Held
from tests.metering.proxy.limit_script import Limited, Scripts

NOTHING = (0, 0, 0)
WANTED = (10, 0, 0, 0, 0)
RUNNING = "{1}:running"


@pytest.fixture
def scripts(valkey: redis.Redis) -> Scripts:
    return Scripts(valkey)


def limited_to(scripts: Scripts, amount: int, *, processes: int = 1) -> Limited:
    return Limited(scripts, Bounds([], [], [(RUNNING, amount)]), processes=processes)


def test_it_lends_a_part_of_what_is_left(scripts: Scripts):
    limited = limited_to(scripts, 101, processes=3)
    answer = limited.hold(call_id="a", wanted=WANTED)
    assert answer[9:12] == [10, 0, 0]
    assert answer[13] == 100 // 12


def test_it_lends_none_near_the_limit(scripts: Scripts):
    limited = limited_to(scripts, 25, processes=3)
    assert len(limited.hold(call_id="a", wanted=WANTED)) == 14  # 24 are left
    assert len(limited.hold(call_id="b", wanted=WANTED)) == 9


def test_it_lends_none_for_a_second_after_a_refusal(scripts: Scripts):
    limited = limited_to(scripts, 10)
    for number in range(10):
        assert limited.hold(call_id=f"a{number}")[0] == 1
    assert limited.hold(call_id="b")[0] == 0
    limited.settle(places=[f"a{number}" for number in range(10)])
    scripts.advance(999)
    assert len(limited.hold(call_id="c", wanted=WANTED)) == 9
    scripts.advance(1)
    assert len(limited.hold(call_id="d", wanted=WANTED)) == 14


def test_who_is_refused_asks_again_while_places_are_lent(scripts: Scripts):
    limited = limited_to(scripts, 10)
    assert limited.hold(call_id="a", wanted=WANTED)[13] == 2
    scripts.advance(100)
    for number in range(9):
        assert limited.hold(call_id=f"b{number}")[0] == 1
    verdict, _, limit, wait_ms, *_ = limited.hold(call_id="c")
    assert (verdict, limit, wait_ms) == (3, 1, 650)
    scripts.advance(wait_ms)
    assert limited.hold(call_id="c")[0] == 0
    # Of all that goes back with a question, the question may take one.
    assert limited.hold(call_id="c", places=["a", "b0"])[0] == 1
    assert limited.hold(call_id="d")[0] == 1
    assert limited.hold(call_id="e")[0] == 0


def test_free_places_of_a_dead_process_end_and_no_others(scripts: Scripts):
    limited = limited_to(scripts, 10)
    for number in range(10):
        limited.hold(call_id=f"{'dead' if number < 4 else 'alive'}{number}")
    renewed = [part for n in range(4, 10) for part in (RUNNING, f"alive{n}")]
    scripts.advance(10_000)
    scripts.run("renew", [], (15_000, renewed, []))
    scripts.advance(4999)
    assert limited.hold(call_id="new")[0] == 0
    scripts.advance(1)
    answers = [limited.hold(call_id=f"new{n}")[0] for n in range(5)]
    assert answers == [1] * 4 + [0]


STEP = st.tuples(
    st.sampled_from(["hold", "lend", "take", "end", "give_back", "swap", "wait"]),
    st.integers(0, 3),
    st.integers(0, 20),
)


@dataclass
class Process:
    """Of one key: the calls it runs and the places it keeps."""

    bounds: Bounds
    limited: Limited
    allowed: int = 0
    running: list[str] = field(default_factory=list)
    free: list[str] = field(default_factory=list)


class Both:
    """Two processes with two keys each, of one tenant: by the scripts and the rules."""

    def __init__(
        self, scripts: Scripts, *, tenant: int, key: int, processes: int
    ) -> None:
        self.scripts, self.processes = scripts, processes
        self.counts = Counts()
        self.calls = 0
        self.some = []
        self.limits = {"{1}:tenant": tenant, "{1}:key0": key, "{1}:key1": key}
        for number in range(4):
            running = [("{1}:tenant", tenant), (f"{{1}}:key{number % 2}", key)]
            bounds = Bounds([], [], running)
            limited = Limited(scripts, bounds, processes=processes)
            self.some.append(Process(bounds, limited))

    def hold(self, one: Process, _: int) -> None:
        self._ask(one, [], wants=False)

    def lend(self, one: Process, _: int) -> None:
        self._ask(one, [], wants=True)

    def swap(self, one: Process, number: int) -> None:
        """Some go back with the question for a slice."""
        places, one.free = one.free[: number // 4], one.free[number // 4 :]
        self._ask(one, places, wants=True)

    def take(self, one: Process, _: int) -> None:
        if one.free:
            one.running.append(one.free.pop())

    def end(self, one: Process, number: int) -> None:
        if not one.running:
            return
        place = one.running.pop(number % len(one.running))
        if len(one.free) < one.allowed:
            one.free.append(place)
            return
        one.limited.settle(places=[place])
        self.counts.settle(
            one.bounds,
            Correction(0, NOTHING, NOTHING),
            requests=0,
            call_id=place,
            now_ms=self.scripts.now_ms,
        )

    def give_back(self, one: Process, number: int) -> None:
        places, one.free = one.free[:number], one.free[number:]
        one.limited.settle(places=places)
        self.counts.give_back(one.bounds, places)

    def wait(self, one: Process, number: int) -> None:
        del one
        self.scripts.advance((1, 90, 400, 750, 1000, 9000)[number % 6])
        places = [
            part
            for other in self.some
            for place in (*other.running, *other.free)
            for name, _ in other.bounds.running
            for part in (name, place)
        ]
        self.scripts.run("renew", [], (15_000, places, []))

    def _ask(self, one: Process, places: list[str], *, wants: bool) -> None:
        self.calls += 1
        call_id, now_ms = str(self.calls), self.scripts.now_ms
        answer = one.limited.hold(
            call_id=call_id, places=places, wanted=WANTED if wants else 0
        )
        self.counts.give_back(one.bounds, places)
        expected = self.counts.hold(
            one.bounds, Ask(1, 0, 0, 0), call_id=call_id, now_ms=now_ms
        )
        if not isinstance(expected, Held):
            assert answer[0] == (3 if expected.is_lent else 0)
            assert answer[2:4] == [expected.limit + 1, expected.wait_ms]
            return
        assert answer[0] == 1
        one.running.append(call_id)
        if wants:
            lent = self.counts.lend(one.bounds, processes=self.processes, now_ms=now_ms)
            assert (answer[13] if len(answer) > 9 else None) == lent
            one.allowed = lent or 0

    def compare(self) -> None:
        for name, limit in self.limits.items():
            found: Any = self.scripts.valkey.zrange(name, 0, -1)
            members = {one.decode() for one in found}
            assert members == self.counts.running.get(name, set())
            owned = [
                place
                for one in self.some
                if name in dict(one.bounds.running)
                for place in (*one.running, *one.free)
            ]
            assert sorted(owned) == sorted(members)  # none is lost, none used twice
            assert len(members) <= limit


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    tenant=st.sampled_from([3, 17, 40]),
    key=st.sampled_from([2, 9, 30]),
    processes=st.sampled_from([1, 2]),
    steps=st.lists(STEP, min_size=1, max_size=60),
)
def test_the_scripts_lend_by_the_rules(scripts: Scripts, tenant, key, processes, steps):
    scripts.valkey.flushdb()
    scripts.set_clock(1_800_000_000_000)
    both = Both(scripts, tenant=tenant, key=key, processes=processes)
    for act, who, number in steps:
        getattr(both, act)(both.some[who], number)
        both.compare()
