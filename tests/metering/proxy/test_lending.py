"""Slices with places of concurrency limits, over three processes and a Valkey."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import redis

from metering.proxy.limit_hold import Hold, Source
from metering.proxy.limits import Claim
from tenants.wire import KeyPolicy, LimitKind, RateLimit, Scope
from tests.metering.proxy.limit_script import own_valkey
from tests.metering.proxy.limits_alone import (
    MODEL,
    Proxy,
    policy,
    running_proxy,
    three_proxies,
    until,
)


@pytest.fixture
async def proxies(valkey: redis.Redis) -> AsyncIterator[list[Proxy]]:
    del valkey  # emptied before and after
    async with three_proxies() as some:
        yield some


class Crowd:
    """Callers who hold a place for some milliseconds, again and again."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._random = random.Random(7)  # noqa: S311 - no secret
        self.running = self.running_max = 0
        self.refused = 0
        self.sources: Counter[Source] = Counter()

    async def call(self, proxy: Proxy, of: KeyPolicy, *, seconds: float) -> None:
        """Until then."""
        while time.monotonic() < seconds:
            hold = await proxy.hold(of)
            if not isinstance(hold, Hold):
                self.refused += 1
                await asyncio.sleep(0.01)
                continue
            self.sources[hold.source] += 1
            self.running += 1
            self.running_max = max(self.running_max, self.running)
            assert self.running <= self._limit
            await asyncio.sleep(self._random.uniform(0.001, 0.01))
            self.running -= 1
            proxy.limits.settle(hold, tokens=1)
            await asyncio.sleep(self._random.choice([0, 0, 0.02]))


def free_places(proxy: Proxy) -> int:
    return sum(len(free) for _, free in proxy.limits.slices.free_places())


def members(client: redis.Redis) -> list[bytes]:
    (name,) = client.keys("*:running") or (b"none",)
    found: Any = client.zrange(name, 0, -1)
    return list(found)


async def together(proxy: Proxy, of: KeyPolicy, count: int) -> list[Hold]:
    return list(await asyncio.gather(*(proxy.held(of) for _ in range(count))))


def settle(proxy: Proxy, holds: Sequence[Hold]) -> None:
    for hold in holds:
        proxy.limits.settle(hold, tokens=1)


async def sliced(proxy: Proxy, of: KeyPolicy, count: int) -> list[Hold]:
    """Whose places were free ones; there must be so many."""
    while True:  # a slice ends at any time
        holds = await together(proxy, of, count)
        if {hold.source for hold in holds} == {Source.SLICE}:
            return holds
        for hold in holds:
            proxy.limits.void(hold)


async def with_free_places(proxy: Proxy, of: KeyPolicy, count: int) -> None:
    """Holds none, but keeps so many places."""
    for _ in range(10):
        settle(proxy, await together(proxy, of, count))
        await asyncio.sleep(0.001)
    assert free_places(proxy) >= count


async def test_it_works(proxies: list[Proxy], valkey: redis.Redis):
    of = policy(concurrent_requests=1000, requests_per_minute=1_000_000)
    valkey.config_resetstat()
    sources: Counter[Source] = Counter()
    for _ in range(100):
        holds = await together(proxies[0], of, 10)
        sources.update(hold.source for hold in holds)
        settle(proxies[0], holds)
        await asyncio.sleep(0.001)
    assert sources[Source.SLICE] > 900
    stats: Any = valkey.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] < 150
    await until(lambda: not members(valkey))  # all free places go back
    exact = await proxies[1].held(of)
    assert b"x-ratelimit-remaining-requests: 998999\r\n" in exact.headers()


async def test_a_key_with_a_concurrency_limit_alone_is_sliced(proxies: list[Proxy]):
    of = policy(concurrent_requests=100)
    for _ in range(30):
        settle(proxies[0], [await proxies[0].held(of)])
    assert (await proxies[0].held(of)).source is Source.SLICE


async def test_at_the_limit_nobody_is_refused(proxies: list[Proxy]):
    """As many callers as places: wherever free ones lie, they come back in time."""
    of = policy(concurrent_requests=48)
    crowd = Crowd(48)
    end = time.monotonic() + 3
    await asyncio.gather(
        *(
            crowd.call(proxy, of, seconds=end)
            for proxy, callers in zip(proxies, (24, 16, 8), strict=True)
            for _ in range(callers)
        )
    )
    assert crowd.refused == 0
    assert crowd.sources[Source.SLICE] > 0


async def test_above_the_limit_there_are_never_more(
    proxies: list[Proxy], valkey: redis.Redis
):
    of = policy(concurrent_requests=48, tokens_per_minute=10_000_000)
    crowd = Crowd(48)
    calm = time.monotonic() + 1
    await asyncio.gather(
        *(crowd.call(proxy, of, seconds=calm) for proxy in proxies for _ in range(5))
    )
    assert crowd.sources[Source.SLICE] > 100
    assert crowd.refused == 0
    rush = time.monotonic() + 2
    await asyncio.gather(
        *(crowd.call(proxy, of, seconds=rush) for proxy in proxies for _ in range(30))
    )
    assert crowd.running_max > 40
    assert crowd.refused > 0
    await until(lambda: not members(valkey))


async def test_a_burst_in_one_process_after_a_burst_in_another(
    proxies: list[Proxy], valkey: redis.Redis
):
    one, other, _ = proxies
    of = policy(concurrent_requests=100)
    await with_free_places(one, of, 4)
    assert len(members(valkey)) >= 4
    began = time.monotonic()
    holds = await together(other, of, 100)  # none is refused, some wait
    assert time.monotonic() - began > 0.1
    assert len(members(valkey)) == 100
    assert await one.refused(of) == "concurrency_limit_exceeded"
    settle(other, holds)
    await asyncio.sleep(0.05)
    settle(one, await together(one, of, 100))


async def test_a_process_is_not_refused_by_its_own_free_places(proxies: list[Proxy]):
    """Its slice has no room for the tokens of the call, and free places no use then."""
    one = proxies[0]
    of = policy(concurrent_requests=100, tokens_per_minute=1_000_000)
    await with_free_places(one, of, 4)
    began = time.monotonic()
    holds = await together(one, of, 100 - free_places(one))
    holds += [await one.held(of, 200_000)]
    holds += await together(one, of, 100 - len(holds))
    assert time.monotonic() - began < 1.5
    assert len(holds) == 100


async def test_the_places_of_a_dead_process_come_back(
    proxies: list[Proxy], valkey: redis.Redis
):
    of = policy(concurrent_requests=60)
    alive = proxies[0]
    kept = await together(alive, of, 10)
    async with running_proxy(os.environ["VALKEY_URL"], processes=3) as dead:
        await with_free_places(dead, of, 3)
        running = await together(dead, of, 3)
        await with_free_places(dead, of, 1)
        assert running
    own = {hold.call_id.encode() for hold in kept}
    lost = set(members(valkey)) - own
    assert len(lost) >= 4
    (name,) = valkey.keys("*:running")
    latest: Any = valkey.zscore(name, members(valkey)[-1])
    assert latest <= time.time() * 1000 + 15_000
    valkey.zadd(name, dict.fromkeys(lost, 1))  # fifteen seconds pass
    holds = await together(alive, of, 50)
    assert own <= set(members(valkey))
    assert await alive.refused(of) == "concurrency_limit_exceeded"
    settle(alive, [*kept, *holds])


async def test_open_and_free_places_are_renewed(
    proxies: list[Proxy], valkey: redis.Redis
):
    of = policy(concurrent_requests=200)
    proxy = proxies[0]
    await with_free_places(proxy, of, 8)
    long = await together(proxy, of, 4)
    (name,) = valkey.keys("*:running")
    soon = time.time() * 1000 + 6000
    valkey.zadd(name, dict.fromkeys(members(valkey), soon))
    proxy.limits.open._renew_at = 0.0
    assert free_places(proxy) >= 4
    await until(lambda: valkey.zcount(name, 0, soon + 1000) == 0)
    assert {hold.call_id.encode() for hold in long} <= set(members(valkey))


async def test_a_tenants_limit_holds_for_all_its_keys(
    proxies: list[Proxy], valkey: redis.Redis
):
    shared = RateLimit(
        scope=Scope.TENANT,
        kind=LimitKind.CONCURRENT_REQUESTS,
        model=None,
        amount=60,
    )
    own = policy(1, concurrent_requests=40, requests_per_minute=1_000_000).rate_limits
    keys = [
        policy(1, rate_limits=(shared, *own)),
        policy(2, rate_limits=(shared,)),
        policy(3, rate_limits=(*own, shared)),
    ]
    crowd = Crowd(60)
    for callers in (1, 12):
        end = time.monotonic() + 1
        await asyncio.gather(
            *(
                crowd.call(proxy, of, seconds=end)
                for proxy in proxies
                for of in keys
                for _ in range(callers)
            )
        )
        assert crowd.sources[Source.SLICE] > 100
        assert (crowd.refused > 0) == (callers == 12)
    assert crowd.running_max > 50
    await until(lambda: not valkey.keys("*:running"))


async def test_a_place_is_kept_however_its_call_ends(
    proxies: list[Proxy], valkey: redis.Redis
):
    of = policy(concurrent_requests=400, tokens_per_minute=1_000_000)
    proxy, other, _ = proxies
    await with_free_places(proxy, of, 8)
    settled, voided, adjusted = await sliced(proxy, of, 3)
    places = len(members(valkey))
    proxy.limits.settle(settled, tokens=30)
    proxy.limits.settle(settled, tokens=30)  # the second time is nothing
    proxy.limits.void(voided)
    answers: list[object] = []
    claim = Claim(model=MODEL, least_tokens=170, most_tokens=170)
    proxy.limits.adjust(adjusted, claim, answers.append)
    await until(lambda: answers)
    (again,) = answers
    assert isinstance(again, Hold)
    assert len(members(valkey)) == places
    proxy.limits.settle(again, tokens=170)
    await until(lambda: not members(valkey))
    exact = await other.held(of)
    left = 1_000_000 - 80 - 30 - 170 - 1  # 80 made the places
    assert b"remaining-tokens: %d\r\n" % left in exact.headers()


async def test_calls_outlive_many_slices(proxies: list[Proxy], valkey: redis.Redis):
    of = policy(concurrent_requests=300)
    proxy = proxies[0]
    await with_free_places(proxy, of, 10)
    long = await sliced(proxy, of, 10)
    end = time.monotonic() + 2
    while time.monotonic() < end:
        settle(proxy, await together(proxy, of, 2))
        await asyncio.sleep(0.005)
    own = {hold.call_id.encode() for hold in long}
    assert own <= set(members(valkey))
    assert len(members(valkey)) <= 10 + 4
    await until(lambda: not free_places(proxy))
    await until(lambda: set(members(valkey)) == own)
    settle(proxy, long)
    await until(lambda: not members(valkey))


async def test_idle_places_go_back_while_others_are_used(
    proxies: list[Proxy], valkey: redis.Redis
):
    of = policy(concurrent_requests=1000)
    proxy = proxies[0]
    await with_free_places(proxy, of, 40)
    assert len(members(valkey)) >= 40

    async def few_are_left() -> None:
        while len(members(valkey)) > 3:
            settle(proxy, [await proxy.held(of)])
            await asyncio.sleep(0.005)

    await asyncio.wait_for(few_are_left(), 5)


async def test_places_go_back_when_a_process_ends(
    proxies: list[Proxy], valkey: redis.Redis
):
    of = policy(concurrent_requests=300)
    await with_free_places(proxies[0], of, 10)
    proxies[0].limits.close()
    await asyncio.sleep(0.05)
    assert not members(valkey)


@pytest.mark.parametrize("is_killed", [True, False])
async def test_an_outage_leaves_the_limit_whole(*, is_killed: bool):
    of = policy(concurrent_requests=40)
    with own_valkey() as server:
        async with running_proxy(server.url) as proxy:
            await with_free_places(proxy, of, 6)
            long = await together(proxy, of, 4)
            if is_killed:
                server.kill()
            else:
                server.pause()
                await proxy.held(policy(2, concurrent_requests=40))
            await until(lambda: not proxy.is_up)
            settle(proxy, [long.pop()])  # Valkey hears of it when it is back
            if is_killed:
                server.start()
                server.client.flushall()  # its last second is lost
            else:
                server.go_on()
            await until(lambda: proxy.is_up)
            assert free_places(proxy) == 0
            rest = await together(proxy, of, 37)
            assert await proxy.refused(of) == "concurrency_limit_exceeded"
            settle(proxy, [*long, *rest])
            await asyncio.sleep(0.05)
            settle(proxy, await together(proxy, of, 40))
