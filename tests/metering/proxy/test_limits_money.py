"""Money in Valkey: never below nothing, spent once, and known or refused."""

from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.proxy import limit_scripts
from tests.metering.proxy.limit_script import Scripts

TENANT, PROJECT, KEY = "1", "11", "5"
DAY, MONTH = "2026-11-21", "2026-11"
HELD, SUMS = "tokenfab:held:{1}", "tokenfab:held:{1}:sums"
TOTAL = "tokenfab:spent:{1}:tenant:total"
SERVER = "run-a"
FIXED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class Purse:
    """A tenant with credit and a limit of its project a day."""

    def __init__(self, valkey: redis.Redis, *, credit: int, project_a_day: int) -> None:
        self.valkey = valkey
        self.scripts = Scripts(valkey)
        self.spent_today = f"tokenfab:spent:{{1}}:project:{PROJECT}:day:{DAY}"
        money = (1, TENANT, PROJECT, KEY, DAY, MONTH, [project_a_day], ["project:11"])
        self._fixed: tuple[Any, ...] = (0, 0, 0, 1, [], [], money)
        self.server = SERVER
        self.seed(credit=credit)

    def seed(self, *, credit: int, counted_at_us: int = 0) -> None:
        fields: dict[Any, Any] = {
            "server": self.server,
            "credit": credit,
            "counted_at_us": counted_at_us,
        }
        self.valkey.hset("tokenfab:money:{1}", mapping=fields)

    def hold(
        self, call_id: str, least: int, most: int | None = None, previous: Any = 0
    ) -> list[int]:
        most = least if most is None else most
        ask = (1, 0, 0, 0, call_id, 0, 0, previous, least, most, self.server, 15_000)
        answer: list[int] = self.scripts.run(
            "hold", [self.spent_today], self._fixed, ask
        )
        return answer

    @staticmethod
    def member(call_id: str, amount: int) -> str:
        return f"{call_id}|{amount}|{KEY}|{PROJECT}"

    def spend(
        self,
        call_id: str,
        held: int,
        cost: int,
        *,
        at_us: int = 1,
        made_on: str = SERVER,
        member: str | None = None,
    ) -> int:
        member = self.member(call_id, held) if member is None else member
        ask = (TENANT, PROJECT, KEY, member, held, made_on, cost, at_us, DAY, MONTH)
        answer: int = self.scripts.run("spend", [], (*ask, self.server))
        return answer

    def renew(self, call_id: str, held: int, *, may_be_lost: bool = False) -> None:
        member = self.member(call_id, held)
        money = (TENANT, member, held, KEY, PROJECT, int(may_be_lost))
        self.scripts.run("renew", [], (15_000, [], money))

    def number(self, name: str) -> int:
        return int(self.valkey.get(name) or 0)

    @property
    def held(self) -> int:
        return int(self.valkey.hget(SUMS, "tenant") or 0)


@pytest.fixture
def purse(valkey: redis.Redis) -> Purse:
    return Purse(valkey, credit=1000, project_a_day=600)


def test_it_works(purse: Purse):
    assert purse.hold("a", 400)[:5:4] == [1, 400]
    assert purse.held == 400
    assert purse.spend("a", 400, 250) == 1
    assert purse.held == 0
    for name in (
        "tenant:total",
        *("tenant:1:day:2026-11-21", "tenant:1:month:2026-11"),
        *("project:11:day:2026-11-21", "project:11:month:2026-11"),
        *("key:5:day:2026-11-21", "key:5:month:2026-11"),
    ):
        assert purse.number(f"tokenfab:spent:{{1}}:{name}") == 250
    assert purse.valkey.ttl(TOTAL) == -1
    assert purse.valkey.ttl(purse.spent_today) > 2 * 86400


def test_it_refuses_what_the_credit_does_not_cover(purse: Purse):
    purse.seed(credit=300)
    refused = purse.hold("a", 301)
    assert (refused[0], refused[2], refused[4]) == (0, 2, 300)
    assert purse.hold("b", 300)[0] == 1
    assert purse.hold("c", 1)[4] == 0


def test_it_refuses_what_passes_the_spend_limit(purse: Purse):
    assert purse.hold("a", 500)[0] == 1
    refused = purse.hold("b", 101)
    assert (refused[0], refused[2], refused[4]) == (0, 1, 100)
    purse.spend("a", 500, 10)
    assert purse.hold("b", 101)[0] == 1


def test_it_holds_as_much_as_there_is(purse: Purse):
    assert purse.hold("a", 100, 5000)[4] == 600


def test_an_adjusted_hold_takes_the_place_of_the_old(purse: Purse):
    purse.hold("a", 500)
    previous = (0, 0, 0, purse.member("a", 500), 500)
    assert purse.hold("a", 601, previous=previous)[0] == 0
    assert purse.held == 500
    assert purse.hold("a", 550, previous=previous)[0] == 1
    assert purse.held == 550
    assert purse.valkey.zcard(HELD) == 1


def test_it_refuses_while_the_money_is_not_known(purse: Purse):
    purse.server = "run-b"
    assert purse.hold("a", 1) == [2]
    assert purse.spend("a", 1, 1) == 2
    purse.valkey.delete("tokenfab:money:{1}")
    purse.server = SERVER
    assert purse.hold("a", 1) == [2]


def test_the_same_cost_told_twice_is_spent_once(purse: Purse):
    purse.hold("a", 400)
    assert [purse.spend("a", 400, 250) for _ in range(3)] == [1, 1, 1]
    assert purse.number(TOTAL) == 250


def test_a_dead_process_spends_all_that_it_held(purse: Purse):
    purse.hold("a", 400)
    purse.scripts.advance(14_999)
    purse.scripts.run("sweep", [], (DAY, MONTH))
    assert purse.held == 400
    purse.scripts.advance(1)
    purse.scripts.run("sweep", [], (DAY, MONTH))
    assert purse.held == 0
    assert purse.number(TOTAL) == purse.number(purse.spent_today) == 400
    assert purse.valkey.smembers("tokenfab:money:unsure") == {b"1"}
    assert not purse.valkey.exists("tokenfab:money:open", HELD, SUMS)
    assert purse.spend("a", 400, 250) == 1  # it was only slow: the count decides
    assert purse.number(TOTAL) == 400


def test_a_cost_that_comes_after_the_new_count_is_spent(purse: Purse):
    """Its hold was spent in full, and the count took that back."""
    purse.hold("a", 400)
    purse.scripts.advance(15_000)
    purse.scripts.run("sweep", [], (DAY, MONTH))
    counted_at_us = purse.scripts.now_ms * 1000 + 5
    purse.valkey.set(TOTAL, 0)
    purse.seed(credit=1000, counted_at_us=counted_at_us)
    assert purse.spend("a", 400, 250, at_us=counted_at_us + 1) == 1
    assert purse.spend("a", 400, 250, at_us=counted_at_us + 1) == 1
    assert purse.number(TOTAL) == 250


def test_a_renewed_hold_lives_on(purse: Purse):
    purse.hold("a", 400)
    for _ in range(5):
        purse.scripts.advance(10_000)
        purse.renew("a", 400)
    assert purse.hold("b", 300)[0] == 0
    assert purse.held == 400


def test_what_the_server_lost_is_held_again(purse: Purse):
    purse.hold("a", 400)
    purse.valkey.delete(HELD, SUMS)
    purse.renew("a", 400)
    assert purse.held == 0
    purse.renew("a", 400, may_be_lost=True)
    purse.renew("a", 400, may_be_lost=True)
    assert purse.held == 400


def test_after_a_restart_the_count_decides_what_is_still_due(purse: Purse):
    purse.hold("a", 100)
    purse.hold("b", 100)
    purse.valkey.delete(HELD, SUMS)
    purse.server = "run-b"
    assert purse.spend("a", 100, 70, at_us=500) == 2
    purse.seed(credit=1000, counted_at_us=1000)
    purse.valkey.set(TOTAL, 70)  # with what a's event says
    assert purse.spend("a", 100, 70, at_us=500) == 1
    assert purse.spend("b", 100, 30, at_us=1001) == 1
    assert purse.number(TOTAL) == 100


def test_a_cost_without_a_hold_is_counted(purse: Purse):
    assert purse.spend("a", 0, 70, member="") == 1
    assert purse.number(TOTAL) == 70


def test_large_amounts_stay_exact(purse: Purse):
    amount = 9_007_199_254_740_991 - 5
    purse.seed(credit=amount)
    purse._fixed = (0, 0, 0, 1, [], [], (1, TENANT, PROJECT, KEY, DAY, MONTH, [], []))
    assert purse.hold("a", amount)[4] == amount
    purse.spend("a", amount, amount)
    assert purse.number(TOTAL) == amount


STEP = st.one_of(
    st.tuples(st.just("hold"), st.integers(0, 300), st.integers(0, 100)),
    st.tuples(st.just("spend"), st.integers(0, 9), st.integers(0, 100)),
    st.tuples(st.just("again"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("die"), st.integers(0, 9), st.just(0)),
    st.tuples(st.just("wait"), st.integers(1, 9000), st.just(0)),
)


@FIXED
@given(steps=st.lists(STEP, min_size=1, max_size=40))
def test_no_history_overdraws(valkey: redis.Redis, steps):
    """new-api#6609: overdraft by concurrency."""
    valkey.flushdb()
    purse = Purse(valkey, credit=1000, project_a_day=700)
    alive: dict[str, int] = {}
    dead: dict[str, int] = {}
    ended: list[tuple[str, int, int]] = []
    for number, (act, first, second) in enumerate(steps):
        if act == "hold":
            answer = purse.hold(str(number), first, first + second)
            if answer[0] == 1:
                assert first <= answer[4] <= first + second
                alive[str(number)] = answer[4]
        elif act == "spend" and alive:
            call_id = list(alive)[first % len(alive)]
            held = alive.pop(call_id)
            cost = held * second // 100
            ended.append((call_id, held, cost))
            purse.spend(call_id, held, cost)
        elif act == "again" and ended:
            purse.spend(*ended[first % len(ended)])
        elif act == "die" and alive:
            call_id = list(alive)[first % len(alive)]
            dead[call_id] = alive.pop(call_id)
        elif act == "wait":
            purse.scripts.advance(first)
            for call_id, held in alive.items():
                purse.renew(call_id, held)
        total, held = purse.number(TOTAL), purse.held
        assert total + held <= 1000
        assert purse.number(purse.spent_today) + held <= 700
        assert total + held == (
            sum(cost for *_, cost in ended) + sum(alive.values()) + sum(dead.values())
        )


def test_every_script_reads_the_clock_once_at_most():
    for script in limit_scripts.ALL:
        assert script.text.count(b"'TIME'") <= 1
