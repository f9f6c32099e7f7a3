"""Slices: fewer questions, and never more than the limit over all processes."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import redis

from metering.proxy.errors import RefusedError
from metering.proxy.limit_hold import Hold, Source
from metering.proxy.limits import Claim
from tenants.wire import KeyPolicy, LimitKind, RateLimit, Scope
from tests.metering.proxy.limits_alone import Proxy, policy, three_proxies, until


@pytest.fixture
async def proxies(valkey: redis.Redis) -> AsyncIterator[list[Proxy]]:
    del valkey  # emptied before and after
    async with three_proxies() as some:
        yield some


async def admitted(
    proxy: Proxy, of: KeyPolicy, *, calls: int, tokens: int = 1
) -> list[Hold]:
    """Of calls that settle at once, one after another."""
    holds = []
    for number in range(calls):
        hold = await proxy.hold(of, tokens)
        if isinstance(hold, Hold):
            proxy.limits.settle(hold, tokens=tokens)
            holds.append(hold)
        if number % 10 == 9:
            await asyncio.sleep(0.002)
    return holds


def calls_of(valkey: redis.Redis) -> int:
    return int(
        valkey.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
    )


async def test_it_works(proxies: list[Proxy], valkey: redis.Redis):
    of = policy(requests_per_minute=1_000_000, tokens_per_minute=100_000_000)
    valkey.config_resetstat()
    holds = await admitted(proxies[0], of, calls=1000)
    sources = Counter(hold.source for hold in holds)
    assert sources[Source.SLICE] > 900
    assert calls_of(valkey) < 150
    await until(lambda: not proxies[0].limits.slices._out)
    exact = await proxies[1].held(of)
    assert b"x-ratelimit-remaining-requests: 998999\r\n" in exact.headers()
    assert b"x-ratelimit-remaining-tokens: 99998999\r\n" in exact.headers()


async def test_headers_of_a_slice_go_down(proxies: list[Proxy]):
    of = policy(requests_per_minute=1_000_000)
    await admitted(proxies[0], of, calls=100)
    left = []
    for _ in range(5):
        hold = await proxies[0].held(of)
        lines = dict(
            line.split(b": ") for line in hold.headers().split(b"\r\n") if line
        )
        left.append(int(lines[b"x-ratelimit-remaining-requests"]))
    assert left == sorted(left, reverse=True)
    assert len(set(left)) == 5


@pytest.mark.parametrize("tokens", [1, 7])
async def test_three_processes_get_the_limit_and_no_more(
    proxies: list[Proxy], tokens: int
):
    """bifrost#3547."""
    of = policy(requests_per_minute=3000, tokens_per_minute=3000 * tokens)
    began = time.monotonic()
    some = await asyncio.gather(
        *(admitted(proxy, of, calls=2000, tokens=tokens) for proxy in proxies)
    )
    assert time.monotonic() - began < 50  # all within one window
    holds = [hold for holds in some for hold in holds]
    assert len(holds) == 3000
    assert Counter(hold.source for hold in holds)[Source.SLICE] > 1000


async def test_nobody_is_refused_while_another_has_a_slice_to_spare(
    proxies: list[Proxy],
):
    idle, hungry, _ = proxies
    of = policy(requests_per_minute=300)
    before = await admitted(idle, of, calls=60)
    assert idle.limits.slices._out
    after = await admitted(hungry, of, calls=300 - len(before))
    assert len(before) + len(after) == 300
    assert await hungry.refused(of) == "rate_limit_exceeded"


async def test_limits_of_other_keys_and_models_share_one_tenant(proxies: list[Proxy]):
    """A slice of one key is taken out of what all keys of the tenant have."""
    keys = [policy(number, requests_per_minute=100_000) for number in (1, 2, 3)]
    shared = RateLimit(
        scope=Scope.TENANT,
        kind=LimitKind.REQUESTS_PER_MINUTE,
        model=None,
        amount=2000,
    )
    keys = [
        policy(number, rate_limits=(shared, *keys[0].rate_limits))
        for number in (1, 2, 3)
    ]
    some = await asyncio.gather(
        *(admitted(proxy, of, calls=400) for proxy in proxies for of in keys)
    )
    assert sum(len(holds) for holds in some) == 2000


async def test_calls_longer_than_their_slice_settle_what_they_used(
    proxies: list[Proxy],
):
    of = policy(requests_per_minute=100_000, tokens_per_minute=1_000_000)
    proxy, other, _ = proxies
    holds = [await proxy.held(of, 100) for _ in range(100)]
    assert Counter(hold.source for hold in holds)[Source.SLICE] > 50
    await until(lambda: not proxy.limits.slices._out)
    await asyncio.sleep(0.05)
    for hold in holds[:50]:
        proxy.limits.settle(hold, tokens=30)
    for hold in holds[50:]:
        proxy.limits.void(hold)
    await asyncio.sleep(0.3)
    exact = await other.held(of, 1)
    assert b"remaining-tokens: 998499\r\n" in exact.headers()
    assert b"remaining-requests: 99949\r\n" in exact.headers()


async def test_a_hold_of_a_slice_can_be_adjusted(proxies: list[Proxy]):
    of = policy(requests_per_minute=100_000, tokens_per_minute=1_000_000)
    proxy = proxies[0]
    holds = [await proxy.held(of, 100) for _ in range(30)]
    assert holds[-1].source is Source.SLICE
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    claim = Claim(model="m", least_tokens=170, most_tokens=170)
    proxy.limits.adjust(holds[-1], claim, answer.set_result)
    adjusted = await answer
    assert isinstance(adjusted, Hold)
    assert adjusted.tokens == 170


async def test_an_exact_hold_can_be_adjusted(proxies: list[Proxy]):
    of = policy(requests_per_minute=10, tokens_per_minute=1000)
    proxy = proxies[0]
    hold = await proxy.held(of, 900)
    answers: list[object] = []
    for tokens in (1001, 950):
        claim = Claim(model="m", least_tokens=tokens, most_tokens=tokens)
        proxy.limits.adjust(hold, claim, answers.append)
    await until(lambda: len(answers) == 2)
    assert isinstance(answers[0], RefusedError)
    assert answers[1] is hold
    assert hold.tokens == 950
    assert b"remaining-requests: 9\r\n" in hold.headers()
    proxy.limits.settle(hold, tokens=10)
    assert b"remaining-tokens: 989\r\n" in (await proxy.held(of, 1)).headers()


async def test_slices_go_back_when_a_process_ends(proxies: list[Proxy]):
    of = policy(requests_per_minute=10_000)
    proxy, other, _ = proxies
    await admitted(proxy, of, calls=100)
    proxy.limits.close()
    await asyncio.sleep(0.05)
    hold = await other.held(of)
    assert b"remaining-requests: 9899\r\n" in hold.headers()


async def test_who_is_refused_and_goes_on_calling_is_not_asked_for(
    proxies: list[Proxy], valkey: redis.Redis
):
    of = policy(requests_per_minute=5, tokens_per_minute=1000)
    proxy, other, _ = proxies
    holds = [await proxy.held(of) for _ in range(4)]
    await other.held(of)
    valkey.config_resetstat()
    began = time.monotonic()
    for _ in range(500):
        assert await proxy.refused(of) == "rate_limit_exceeded"
    assert calls_of(valkey) < 5 + (time.monotonic() - began) / 0.02
    proxy.limits.void(holds[0])
    await proxy.held(of)  # what it gave back itself is there at once
    assert await proxy.refused(of) == "rate_limit_exceeded"
