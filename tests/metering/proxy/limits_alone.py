"""The limits of a proxy process, without the rest of it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

from metering.proxy.errors import RefusedError
from metering.proxy.limit_counts import LimitCounts
from metering.proxy.limit_hold import Hold
from metering.proxy.limits import Claim, Limits
from metering.proxy.valkey import Valkey
from tenants.wire import KeyPolicy, LimitKind, RateLimit, Scope

MODEL = "m"


def policy(key: int = 1, **changes: Any) -> KeyPolicy:
    limits = tuple(
        RateLimit(scope=Scope.KEY, kind=kind, model=None, amount=amount)
        for kind in LimitKind
        if (amount := changes.pop(kind.value, None)) is not None
    )
    values: dict[str, Any] = {
        "api_key_id": key,
        "tenant_id": 1,
        "project_id": 11,
        "digest": "00",
        "state": "active",
        "expires_at": None,
        "allowed_models": None,
        "cache_salt": "salt",
        "rate_limits": limits,
        "spend_limits": (),
        "is_prepaid": False,
        "counts_spend": False,
        "are_cached_tokens_limited": False,
        "refuses_without_limiter": False,
    }
    return KeyPolicy(**{**values, **changes})


class Proxy:
    """The limits of one proxy process, and nothing else of it."""

    def __init__(self, url: str, *, processes: int = 1) -> None:
        # Not 50 ms as in production: a busy machine is not what is tested.
        self.valkey = Valkey(url, deadline_seconds=0.3)
        self.limits = Limits(self.valkey, counts=LimitCounts(), processes=processes)

    async def hold(
        self, of: KeyPolicy, tokens: int = 1, *, cost: int = 0
    ) -> Hold | RefusedError:
        claim = Claim(
            model=MODEL,
            least_tokens=tokens,
            most_tokens=tokens,
            least_cost_nanos=cost,
            most_cost_nanos=cost,
        )
        answer: asyncio.Future[Hold | RefusedError] = (
            asyncio.get_running_loop().create_future()
        )
        self.limits.hold(of, claim, answer.set_result)
        return await asyncio.wait_for(answer, 5)

    async def held(self, of: KeyPolicy, tokens: int = 1, *, cost: int = 0) -> Hold:
        answer = await self.hold(of, tokens, cost=cost)
        assert isinstance(answer, Hold), answer
        return answer

    async def refused(self, of: KeyPolicy, tokens: int = 1, *, cost: int = 0) -> str:
        answer = await self.hold(of, tokens, cost=cost)
        assert isinstance(answer, RefusedError), answer
        return answer.refusal.code

    @property
    def is_up(self) -> bool:
        return self.limits.store.is_up


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(8):
        while not condition():  # noqa: ASYNC110 - what it looks at announces nothing
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running_proxy(url: str, *, processes: int = 1) -> AsyncIterator[Proxy]:
    proxy = Proxy(url, processes=processes)
    tasks = [
        asyncio.create_task(proxy.valkey.keep_connected()),
        asyncio.create_task(proxy.limits.keep_working()),
    ]
    try:
        await until(lambda: proxy.is_up)
        yield proxy
    finally:
        for task in tasks:
            task.cancel()
        proxy.valkey.close()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def three_proxies() -> AsyncIterator[list[Proxy]]:
    """Three processes, but for their being in one."""
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                running_proxy(os.environ["VALKEY_URL"], processes=3)
            )
            for _ in range(3)
        ]
