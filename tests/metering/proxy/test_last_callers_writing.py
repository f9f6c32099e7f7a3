"""How the latest use of each key gets to Valkey, or does not."""

import asyncio
import os
from pathlib import Path

import msgspec
import redis

from metering.proxy.last_callers import ROWS_MAX, LastCallers
from metering.proxy.snapshots import Snapshots
from metering.proxy.valkey import Valkey
from metering.wire import LastCaller, last_caller_key
from tenants.domain import api_keys
from tenants.wire import KeyPolicy
from tests.metering.proxy.test_valkey import connected, misbehaving, swallow, until

TENANT = 7
NOW_US = 1_795_331_000_000_000


def policy(number: int) -> KeyPolicy:
    return KeyPolicy(
        api_key_id=number,
        tenant_id=TENANT,
        project_id=1,
        digest=api_keys.digest(f"key {number}").hex(),
        state="active",
        expires_at=None,
        allowed_models=None,
        cache_salt="salt",
        rate_limits=(),
        spend_limits=(),
        is_prepaid=False,
        counts_spend=False,
        are_cached_tokens_limited=False,
        refuses_without_limiter=False,
    )


def callers(client: Valkey) -> LastCallers:
    snapshots = Snapshots(client, secret=b"unused", folder=Path("unused"))
    return LastCallers(client, snapshots, ())


def use(told: LastCallers, number: int, *, at_us: int = NOW_US, port: int = 1) -> None:
    peer = (f"203.0.113.{port}", 40_000)
    told.note(policy(number), at_us, peer, b"", endpoint="", model="")


def known(valkey: redis.Redis) -> dict[int, LastCaller]:
    found = {}
    for number in range(2 * ROWS_MAX):
        if said := valkey.get(last_caller_key(TENANT, number)):
            found[number] = msgspec.json.decode(said, type=LastCaller)
    return found


async def test_it_works(valkey: redis.Redis):
    async with connected(os.environ["VALKEY_URL"]) as client:
        told = callers(client)
        use(told, 1)
        use(told, 2, port=2)
        use(told, 1, at_us=NOW_US + 1, port=3)
        told.write()
        await until(lambda: len(known(valkey)) == 2)

        addresses = {number: one.address for number, one in known(valkey).items()}
        assert addresses == {1: "203.0.113.3", 2: "203.0.113.2"}

        valkey.flushdb()  # what did not change is not written again
        told.write()
        await client.ask("PING")
        assert known(valkey) == {}


async def test_so_many_are_written_at_once_and_the_others_next(valkey: redis.Redis):
    async with connected(os.environ["VALKEY_URL"]) as client:
        told = callers(client)
        for number in range(ROWS_MAX + 10):
            use(told, number)
        # The busiest key does not lose its turn, nor take that of the others.
        use(told, 0, at_us=NOW_US + 1)

        told.write()
        await until(lambda: len(known(valkey)) == ROWS_MAX)
        assert sorted(known(valkey)) == list(range(ROWS_MAX))
        assert known(valkey)[0].used_at_us == NOW_US + 1
        told.write()
        await until(lambda: len(known(valkey)) == ROWS_MAX + 10)


async def test_the_latest_waits_for_a_valkey_that_is_away(valkey: redis.Redis):
    client = Valkey(os.environ["VALKEY_URL"], deadline_seconds=2)
    told = callers(client)
    use(told, 1)
    told.write()
    use(told, 1, at_us=NOW_US + 1, port=2)
    use(told, 2)
    told.write()
    keeping = asyncio.create_task(client.keep_connected())
    await until(lambda: client.is_connected)
    told.write()
    await until(lambda: len(known(valkey)) == 2)
    assert known(valkey)[1].address == "203.0.113.2"
    client.close()
    keeping.cancel()


async def test_a_silent_valkey_loses_it_and_nobody_waits(valkey: redis.Redis):
    async with (
        misbehaving(swallow) as url,
        connected(url, deadline_seconds=0.05) as client,
    ):
        told = callers(client)
        use(told, 1)
        told.write()
        await until(lambda: not client.is_connected)
    assert known(valkey) == {}


async def test_who_has_no_address_is_left_out(valkey: redis.Redis):
    async with connected(os.environ["VALKEY_URL"]) as client:
        told = callers(client)
        for number, peer in enumerate((None, "", "/run/socket"), start=1):
            told.note(policy(number), NOW_US, peer, b"", endpoint="", model="")
        use(told, 9)
        told.write()
        await until(lambda: known(valkey))
        assert list(known(valkey)) == [9]
