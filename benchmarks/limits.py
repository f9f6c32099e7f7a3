"""What a hold and its settle cost: `python -m benchmarks.limits`.

CPU time of this process (Python, packing, parsing, the loop's reads and writes) and of
Valkey, by the number of limits of a key. Batches of 32 calls, as under load. The calls
in one row are of one key; slices are switched off but where the row says so.
"""

import asyncio
import contextlib
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import redis

from benchmarks import processes
from config.supervisor import valkey as supervised
from config.supervisor.ports import any_free_port
from metering.proxy.errors import RefusedError
from metering.proxy.limit_counts import LimitCounts
from metering.proxy.limit_hold import Hold
from metering.proxy.limits import Claim, Limits
from metering.proxy.valkey import Valkey
from tenants.wire import KeyPolicy, LimitKind, RateLimit, Scope

CALLS = 20_000
BATCH = 32
_MODEL = "m"
_MANY = 1_000_000_000
_TENANT = "1"


@contextlib.contextmanager
def running_valkey(home: Path) -> Iterator[str]:
    server = supervised.prepare(home, any_free_port())
    command, log = supervised.command(server), home / "valkey.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command.argv, stdout=output, stderr=output, **command.popen
        )
    try:
        processes.wait_until(lambda: _answers(server.url), process, log)
        yield server.url
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(url: str) -> bool:
    try:
        supervised.ping(url)
    except OSError:
        return False
    return True


def _policy(key: int, limits: list[RateLimit], **changes: Any) -> KeyPolicy:
    values: dict[str, Any] = {
        "api_key_id": key,
        "tenant_id": int(_TENANT),
        "project_id": 1,
        "digest": "00",
        "state": "active",
        "expires_at": None,
        "allowed_models": None,
        "cache_salt": "",
        "rate_limits": tuple(limits),
        "spend_limits": (),
        "is_prepaid": False,
        "counts_spend": False,
        "are_cached_tokens_limited": False,
        "refuses_without_limiter": False,
    }
    return KeyPolicy(**{**values, **changes})


def _limit(scope: Scope, kind: LimitKind, model: str | None = None) -> RateLimit:
    return RateLimit(scope=scope, kind=kind, model=model, amount=_MANY)


def _policies() -> list[tuple[str, KeyPolicy, bool]]:
    """A row's name, its policy, and whether slices are allowed."""
    both = (LimitKind.REQUESTS_PER_MINUTE, LimitKind.TOKENS_PER_MINUTE)
    two = [_limit(Scope.KEY, kind) for kind in both]
    six = [_limit(scope, kind) for scope in Scope for kind in both]
    eighteen = [_limit(scope, kind) for scope in Scope for kind in LimitKind]
    return [
        ("2 limits", _policy(1, two), False),
        ("6 limits", _policy(2, six), False),
        ("18 limits", _policy(3, eighteen), False),
        ("prepaid", _policy(4, [], is_prepaid=True, counts_spend=True), False),
        ("2 limits, prepaid", _policy(5, two, is_prepaid=True), False),
        ("2 limits, slices", _policy(6, two), True),
        ("18 limits, slices", _policy(7, eighteen), True),
        ("no limit", _policy(8, []), True),
    ]


@contextlib.asynccontextmanager
async def _connected(url: str, *, slices: bool) -> AsyncIterator[Limits]:
    valkey = Valkey(url, deadline_seconds=5)
    # So many processes that there is never enough for a slice.
    limits = Limits(valkey, counts=LimitCounts(), processes=1 if slices else _MANY)
    tasks = [
        asyncio.create_task(valkey.keep_connected()),
        asyncio.create_task(limits.keep_working()),
    ]
    while not limits.store.is_up:  # noqa: ASYNC110 - nothing announces it
        await asyncio.sleep(0.01)
    try:
        yield limits
    finally:
        for task in tasks:
            task.cancel()
        valkey.close()


async def _run(limits: Limits, policy: KeyPolicy, calls: int) -> None:
    loop = asyncio.get_running_loop()
    claim = Claim(
        model=_MODEL,
        least_tokens=300,
        most_tokens=300,
        least_cost_nanos=1000,
        most_cost_nanos=1000,
    )
    for _ in range(calls // BATCH):
        done = loop.create_future()
        holds: list[Hold] = []

        def take(
            hold: Hold | RefusedError,
            holds: list[Hold] = holds,
            done: asyncio.Future[None] = done,
        ) -> None:
            assert isinstance(hold, Hold), hold
            holds.append(hold)
            if len(holds) == BATCH:
                done.set_result(None)

        for _ in range(BATCH):
            limits.hold(policy, claim, take)
        await done
        for hold in holds:
            limits.settle(hold, tokens=200, cost_nanos=700)
        await asyncio.sleep(0)


async def _measure(url: str, policy: KeyPolicy, *, slices: bool) -> tuple[float, ...]:
    with redis.Redis.from_url(url) as client:
        server = client.info("server")["run_id"]
        money: dict[Any, Any] = {"server": server, "credit": 10**15}
        client.hset(f"tokenfab:money:{{{_TENANT}}}", mapping=money)
        async with _connected(url, slices=slices) as limits:
            await _run(limits, policy, CALLS // 10)
            client.config_resetstat()
            before = _valkey_cpu_us(client)
            cpu, began = time.process_time(), time.perf_counter()
            await _run(limits, policy, CALLS)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - began
            spent_us = _valkey_cpu_us(client) - before
            await asyncio.sleep(0.7)  # the last slices come back
            stats = client.info("commandstats").get("cmdstat_evalsha", {})
    return (
        cpu / CALLS * 1e6,
        int(stats.get("calls", 0)) / CALLS,
        spent_us / CALLS,
        CALLS / wall,
    )


def _valkey_cpu_us(client: "redis.Redis") -> float:
    cpu = client.info("cpu")
    return 1e6 * float(cpu["used_cpu_user_main_thread"]) + 1e6 * float(
        cpu["used_cpu_sys_main_thread"]
    )


def main() -> None:
    print(
        f"{'hold + settle':20}{'Python µs':>11}{'scripts':>9}{'Valkey µs':>11}"
        f"{'calls/s':>10}"
    )
    with (
        tempfile.TemporaryDirectory(prefix="tf-limits") as home,
        running_valkey(Path(home)) as url,
    ):
        for name, policy, slices in _policies():
            python, asked, valkey, rate = asyncio.run(
                _measure(url, policy, slices=slices)
            )
            print(f"{name:20}{python:11.1f}{asked:9.2f}{valkey:11.1f}{rate:10.0f}")


if __name__ == "__main__":
    main()
