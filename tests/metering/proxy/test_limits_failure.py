"""A Valkey that stops, dies and comes back, under limits that go on."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from metering.proxy.limit_hold import Source
from metering.proxy.limit_texts import UNAVAILABLE
from metering.proxy.limits import Claim
from tenants.wire import Scope, SpendLimit, SpendPeriod
from tests.metering.proxy.limit_script import OwnValkey, own_valkey
from tests.metering.proxy.limits_alone import MODEL, policy, running_proxy, until

MONEY, HELD = "tokenfab:money:{1}", "tokenfab:held:{1}"
TOTAL = "tokenfab:spent:{1}:tenant:total"


@pytest.fixture
def server() -> Iterator[OwnValkey]:
    with own_valkey() as one:
        yield one


def seed(server: OwnValkey, credit: int, *, counted_at_us: int = 0) -> None:
    fields: dict[Any, Any] = {
        "server": server.client.info("server")["run_id"],
        "credit": credit,
        "counted_at_us": counted_at_us,
    }
    server.client.hset(MONEY, mapping=fields)


async def test_a_share_lives_on_and_is_told_when_valkey_is_back(server: OwnValkey):
    of = policy(requests_per_minute=10, tokens_per_minute=1000, requests_per_day=100)
    async with running_proxy(server.url, processes=2) as proxy:
        await proxy.held(of, 100)
        server.pause()
        began = time.monotonic()
        local = [await proxy.held(of, 100) for _ in range(5)]
        assert time.monotonic() - began < 1  # the first waits, the others do not
        assert all(hold.source is Source.PROCESS for hold in local)
        headers = local[4].headers()  # of its part, which is five
        assert b"x-ratelimit-remaining-requests: 0\r\n" in headers
        assert b"x-ratelimit-limit-tokens: 1000\r\n" in headers
        assert b"x-ratelimit-remaining-tokens: 0\r\n" in headers
        assert await proxy.refused(of) == "rate_limit_exceeded"
        proxy.limits.settle(local[0], tokens=40)
        server.go_on()
        await until(lambda: proxy.is_up)
        await asyncio.sleep(0.05)
        hold = await proxy.held(of, 1)
        assert hold.source is Source.VALKEY
        # The one that nobody heard of was held, too, and leaves after a minute.
        headers = hold.headers()
        assert b"x-ratelimit-remaining-requests: 2\r\n" in headers
        assert b"x-ratelimit-remaining-tokens: 359\r\n" in headers
        proxy.limits.settle(local[1], tokens=40)
        hold = await proxy.held(of, 1)
        assert b"x-ratelimit-remaining-tokens: 418\r\n" in hold.headers()
        (day,) = server.client.keys("*:requests:day:*")
        assert server.client.get(day) == b"9"


async def test_money_and_strict_keys_are_refused_meanwhile(server: OwnValkey):
    prepaid = policy(1, is_prepaid=True, counts_spend=True)
    limited = policy(
        2,
        spend_limits=(
            SpendLimit(scope=Scope.KEY, period=SpendPeriod.DAY, amount_nanos=100),
        ),
        counts_spend=True,
    )
    strict = policy(3, requests_per_minute=10, refuses_without_limiter=True)
    free = policy(4)
    seed(server, 1000)
    async with running_proxy(server.url) as proxy:
        for one in (prepaid, limited, strict):
            await proxy.held(one)
        server.kill()
        for one in (prepaid, limited, strict):
            assert await proxy.refused(one) == "rate_limiter_unavailable"
        assert (await proxy.held(free)).source is Source.NOWHERE


async def test_it_is_back_by_itself_after_a_kill(server: OwnValkey):
    of = policy(requests_per_minute=100)
    async with running_proxy(server.url) as proxy:
        for _ in range(3):
            server.kill()
            await until(lambda: not proxy.is_up)
            assert (await proxy.held(of)).source is Source.PROCESS
            server.start()
            await until(lambda: proxy.is_up)
            assert (await proxy.held(of)).source is Source.VALKEY


async def test_a_silent_valkey_is_asked_ever_more_rarely(server: OwnValkey):
    of = policy(requests_per_minute=1000)
    async with running_proxy(server.url) as proxy:
        server.pause()
        waits = []
        end = time.monotonic() + 3
        while time.monotonic() < end:
            began = time.monotonic()
            await proxy.held(of)
            waits.append(time.monotonic() - began)
            await asyncio.sleep(0.005)
        assert sum(wait > 0.02 for wait in waits) <= 3
        server.go_on()
        await until(lambda: proxy.is_up)


async def test_a_flushed_script_is_loaded_again(server: OwnValkey):
    of = policy(requests_per_minute=100, tokens_per_minute=100)
    async with running_proxy(server.url) as proxy:
        hold = await proxy.held(of, 50)
        server.client.script_flush()
        proxy.limits.settle(hold, tokens=10)
        hold = await proxy.held(of, 50)
        assert hold.source is Source.VALKEY
        assert b"x-ratelimit-remaining-tokens: 40\r\n" in hold.headers()


async def test_after_a_restart_money_waits_for_the_new_count(server: OwnValkey):
    of = policy(is_prepaid=True, counts_spend=True)
    seed(server, 1000)
    async with running_proxy(server.url) as proxy:
        early, late = await proxy.held(of, cost=300), await proxy.held(of, cost=300)
        server.kill()
        server.start()
        server.client.delete(HELD, f"{HELD}:sums")  # its last second is lost
        await until(lambda: proxy.is_up)
        proxy.limits.settle(early, cost_nanos=200, happened_at_us=5_000)
        assert await proxy.refused(of, cost=1) == "rate_limiter_unavailable"
        await until(lambda: server.client.zcard(HELD) == 2)  # held again meanwhile
        server.client.set(TOTAL, 200)
        seed(server, 1000, counted_at_us=6_000)
        await until(lambda: server.client.zcard(HELD) == 1)
        assert server.client.get(TOTAL) == b"200"  # the count has the early one
        proxy.limits.settle(late, cost_nanos=250, happened_at_us=7_000)
        await until(lambda: server.client.get(TOTAL) == b"450")
        assert await proxy.refused(of, cost=551) == "insufficient_credit"
        await proxy.held(of, cost=550)


async def test_a_cost_arrives_once_although_valkey_was_silent(server: OwnValkey):
    of = policy(is_prepaid=True, counts_spend=True)
    seed(server, 10_000)
    async with running_proxy(server.url) as proxy:
        holds = [await proxy.held(of, cost=100) for _ in range(20)]
        for number, hold in enumerate(holds):
            if number == 10:
                server.pause()
            proxy.limits.settle(hold, cost_nanos=70)
        await until(lambda: not proxy.is_up)
        server.go_on()
        await until(lambda: not server.client.exists(HELD))
        assert server.client.get(TOTAL) == b"1400"


async def test_a_cost_without_a_hold_that_may_be_lost_is_counted_anew(
    server: OwnValkey,
):
    of = policy(counts_spend=True)
    seed(server, 0)
    async with running_proxy(server.url) as proxy:
        hold = await proxy.held(of)
        server.pause()
        proxy.limits.settle(hold, cost_nanos=70)
        await until(lambda: not proxy.is_up)
        server.go_on()
        unsure = "tokenfab:money:unsure"
        await until(lambda: server.client.smembers(unsure) == {b"1"})


async def test_a_dead_proxy_frees_its_calls_and_spends_its_money(server: OwnValkey):
    of = policy(concurrent_requests=1, is_prepaid=True, counts_spend=True)
    seed(server, 1000)
    async with running_proxy(server.url) as dead:
        await dead.held(of, cost=300)
    async with running_proxy(server.url) as proxy:
        assert await proxy.refused(of, cost=1) == "concurrency_limit_exceeded"
        (running,) = server.client.keys("*:running")
        for name in (running, HELD):  # time passes
            members: Any = server.client.zrange(name, 0, -1)
            server.client.zadd(name, dict.fromkeys(members, 1))
        assert await proxy.refused(of, cost=701) == "insufficient_credit"
        await proxy.held(of, cost=700)
        assert server.client.get(TOTAL) == b"300"
        assert server.client.smembers("tokenfab:money:unsure") == {b"1"}


async def test_running_holds_are_renewed(server: OwnValkey):
    of = policy(concurrent_requests=5, is_prepaid=True, counts_spend=True)
    seed(server, 1000)
    async with running_proxy(server.url) as proxy:
        for _ in range(3):
            await proxy.held(of, cost=1)
        (running,) = server.client.keys("*:running")
        for name in (running, HELD):
            members: Any = server.client.zrange(name, 0, -1)
            soon = time.time() * 1000 + 6000
            server.client.zadd(name, dict.fromkeys(members, soon))

        def are_renewed() -> bool:
            soon = time.time() * 1000 + 7000
            return not any(
                server.client.zcount(name, 0, soon) for name in (running, HELD)
            )

        await until(are_renewed)


async def test_money_that_was_held_unheard_comes_back(server: OwnValkey):
    of = policy(is_prepaid=True, counts_spend=True)
    seed(server, 1000)
    async with running_proxy(server.url) as proxy:
        server.pause()
        claim = Claim(
            model=MODEL,
            least_tokens=1,
            most_tokens=1,
            least_cost_nanos=500,
            most_cost_nanos=5000,
        )
        answers: list[object] = []
        proxy.limits.hold(of, claim, answers.append)
        await until(lambda: answers == [UNAVAILABLE])
        server.go_on()
        await until(lambda: proxy.is_up)
        await until(lambda: not server.client.exists(HELD))
        await proxy.held(of, cost=1000)
        assert not server.client.exists(TOTAL)


async def test_a_full_valkey_is_as_good_as_none(server: OwnValkey):
    """It refuses to write; nothing may be forgotten, and nothing counted twice."""
    of = policy(requests_per_minute=10, requests_per_day=100)
    async with running_proxy(server.url, processes=2) as proxy:
        await proxy.held(of)
        server.client.config_set("maxmemory", 1)
        local = [await proxy.held(of) for _ in range(3)]
        assert {hold.source for hold in local} == {Source.PROCESS}
        proxy.limits.void(local[0])
        server.client.config_set("maxmemory", 0)
        await until(lambda: not proxy.limits._share.is_used)
        await asyncio.sleep(0.1)
        proxy.limits.void(local[1])
        hold = await proxy.held(of)
        assert b"x-ratelimit-remaining-requests: 7\r\n" in hold.headers()
        (day,) = server.client.keys("*:requests:day:*")
        assert server.client.get(day) == b"3"
