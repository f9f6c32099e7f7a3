"""The script of idempotency keys, on a real Valkey."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest
import redis

from metering.proxy import kept_answers
from metering.proxy.kept_answers import (
    Claim,
    KeptAnswers,
    Portion,
    Record,
    Stored,
    Storing,
    Verdict,
)
from metering.proxy.valkey import Valkey
from tests.metering.proxy.test_valkey import connected

T = TypeVar("T")
LEASE_SECONDS = 0.3


@pytest.fixture
async def connection(valkey: redis.Redis) -> AsyncIterator[Valkey]:
    del valkey  # emptied before and after
    async with connected(os.environ["VALKEY_URL"]) as connection:
        yield connection


class Kept:
    """The same acts, awaited."""

    def __init__(self, answers: KeptAnswers) -> None:
        self._answers = answers

    async def claim(self, of: Record, run: str, **more: Any) -> Claim:
        return await awaited(
            lambda then: self._answers.claim(of, then, run=run, **more)
        )

    async def store(
        self, of: Record, run: str, data: bytes = b"", **more: Any
    ) -> Stored:
        values = {"offset": 0, "headers": b"h", "is_stream": True, "is_dropped": False}
        portion = Portion(**{**values, "data": data, **more})
        return await awaited(
            lambda then: self._answers.store(of, portion, then, run=run)
        )

    async def done(self, of: Record, run: str) -> Stored:
        return await awaited(lambda then: self._answers.done(of, then, run=run))

    def release(self, of: Record, run: str) -> None:
        self._answers.release(of, run=run)

    def leave(self, of: Record, run: str) -> None:
        self._answers.leave(of, run=run)


async def awaited(act: Callable[[Callable[[T | None], None]], None]) -> T:
    future: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
    act(future.set_result)
    found = await future
    assert found is not None
    return found


@pytest.fixture
def kept(connection: Valkey) -> Kept:
    return Kept(KeptAnswers(connection, lease_seconds=LEASE_SECONDS))


def record(name: str = "a", **changes: Any) -> Record:
    values = {"tenant_id": 1, "project_id": 11, "name": name, "digest": "d"}
    return Record(**{**values, **changes})


async def test_it_works(kept: Kept):
    of = record()
    assert (await kept.claim(of, "r1")).verdict is Verdict.RUN
    assert (await kept.store(of, "r1", b"abc")).length == 3
    found = await kept.claim(of, "r2")
    assert (found.verdict, found.run, found.data) == (Verdict.RUNNING, "r1", b"abc")
    await kept.store(of, "r1", b"def", offset=3, event=b"e", released=4)
    found = await kept.claim(of, "r2", offset=3, joined="r1")
    assert (found.verdict, found.data) == (Verdict.RUNNING, b"d")
    await kept.done(of, "r1")
    found = await kept.claim(of, "r2", offset=4, joined="r1")
    assert (found.verdict, found.data, found.event) == (Verdict.DONE, b"ef", b"")
    assert (found.headers, found.is_stream) == (b"h", True)


async def test_another_request_is_told_apart(kept: Kept):
    await kept.claim(record(), "r1")
    found = await kept.claim(record(digest="other"), "r2")
    assert found.verdict is Verdict.OTHER


@pytest.mark.parametrize("other", [{"tenant_id": 2}, {"project_id": 12}, {"name": "b"}])
async def test_others_are_apart(kept: Kept, other: dict[str, Any]):
    await kept.claim(record(), "r1")
    assert (await kept.claim(record(**other), "r2")).verdict is Verdict.RUN


async def test_what_comes_twice_is_stored_once(kept: Kept):
    """An answer of Valkey's may be lost, and the bytes sent again."""
    of = record()
    await kept.claim(of, "r1")
    await kept.store(of, "r1", b"abc")
    again = await kept.store(of, "r1", b"abc")
    assert (again.storing, again.length) == (Storing.MISALIGNED, 3)
    await kept.store(of, "r1", b"def", offset=3)
    assert (await kept.claim(of, "r2")).data == b"abcdef"


async def until_it_may_run(kept: Kept, of: Record, run: str) -> None:
    async with asyncio.timeout(30):
        verdict = Verdict.RUNNING
        while verdict is not Verdict.RUN:
            await asyncio.sleep(0.02)
            verdict = (await kept.claim(of, run)).verdict


async def test_a_lease_that_ran_out_lets_another_run(kept: Kept):
    of = record()
    await kept.claim(of, "r1")
    await kept.store(of, "r1", b"abc")
    began = asyncio.get_running_loop().time()
    await until_it_may_run(kept, of, "r2")
    assert asyncio.get_running_loop().time() - began >= LEASE_SECONDS
    assert (await kept.claim(of, "r3")).data == b""
    assert (await kept.store(of, "r1", b"def", offset=3)).storing is Storing.LOST
    gone = await kept.claim(of, "r4", offset=3, joined="r1")
    assert gone.verdict is Verdict.GONE


async def test_an_owner_that_was_only_cut_off_keeps_it(kept: Kept):
    """Valkey was away for longer than the lease: who asks first does not take over."""
    of = record()
    await kept.claim(of, "r1")
    await asyncio.sleep(LEASE_SECONDS + 0.05)
    assert (await kept.claim(of, "r2")).verdict is Verdict.RUNNING
    await kept.store(of, "r1", b"abc")
    await asyncio.sleep(LEASE_SECONDS / 2)
    assert (await kept.claim(of, "r2")).verdict is Verdict.RUNNING


async def test_a_seal_is_never_run_again(kept: Kept):
    of = record()
    await kept.claim(of, "r1")
    await kept.store(of, "r1", b"abc", event=b"e", released=1)
    kept.leave(of, "r1")
    found = await kept.claim(of, "r2")
    assert (found.verdict, found.run, found.event) == (Verdict.SEALED, "r1", b"e")
    # One finishes it; the others wait for that one.
    assert (await kept.claim(of, "r3")).verdict is Verdict.RUNNING
    await kept.done(of, "r1")
    assert (await kept.claim(of, "r3")).data == b"abc"


async def test_what_was_released_is_as_new(kept: Kept):
    of = record()
    await kept.claim(of, "r1")
    kept.release(of, "r2")  # not its own
    assert (await kept.claim(of, "r3")).verdict is Verdict.RUNNING
    kept.release(of, "r1")
    assert (await kept.claim(record(digest="other"), "r3")).verdict is Verdict.RUN


async def test_what_valkey_forgot_is_stored_anew(kept: Kept, valkey: redis.Redis):
    of = record()
    await kept.claim(of, "r1")
    await kept.store(of, "r1", b"abc")
    valkey.flushdb()
    found = await kept.store(of, "r1", b"def", offset=3)
    assert (found.storing, found.length) == (Storing.MISALIGNED, 0)
    await kept.store(of, "r1", b"abcdef", event=b"e", released=0)
    await kept.done(of, "r1")
    assert (await kept.claim(of, "r2")).data == b"abcdef"


async def test_an_answer_too_long_is_dropped_its_key_known(kept: Kept):
    of = record()
    await kept.claim(of, "r1")
    await kept.store(of, "r1", b"abc")
    await kept.store(of, "r1", offset=3, is_dropped=True)
    await kept.store(of, "r1", offset=3, is_dropped=True, event=b"e", released=9)
    assert (await kept.claim(of, "r2")).verdict is Verdict.UNKEPT
    await kept.done(of, "r1")
    assert (await kept.claim(of, "r2")).verdict is Verdict.UNKEPT


async def test_a_tenant_has_so_many_keys(kept: Kept, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kept_answers, "KEPT_KEYS_PER_TENANT_MAX", 2)
    verdicts = [(await kept.claim(record(n), "r1")).verdict for n in "abc"]
    assert verdicts == [Verdict.RUN, Verdict.RUN, Verdict.FULL]
    assert (await kept.claim(record("c", tenant_id=2), "r1")).verdict is Verdict.RUN
    kept.release(record("a"), "r1")
    assert (await kept.claim(record("c"), "r1")).verdict is Verdict.RUN


async def test_a_tenant_has_so_many_bytes(kept: Kept, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kept_answers, "KEPT_BYTES_PER_TENANT_MAX", 5)
    for name in "ab":
        await kept.claim(record(name), "r1")
    assert (await kept.store(record("a"), "r1", b"abc")).storing is Storing.STORED
    assert (await kept.store(record("b"), "r1", b"abc")).storing is Storing.UNKEPT
    assert (await kept.claim(record("b"), "r2")).verdict is Verdict.UNKEPT


async def test_everything_expires(kept: Kept, valkey: redis.Redis):
    of = record()
    await kept.claim(of, "r1")
    await kept.store(of, "r1", b"abc")
    names = of.keys()
    assert all(86_000 < valkey.ttl(name) <= 90_000 for name in names)
