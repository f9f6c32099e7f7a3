"""The pipelining client: before a real Valkey, and before one that misbehaves."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import hiredis
import pytest
import redis

from metering.proxy.valkey import Valkey, ValkeyUnavailableError

SECONDS_MAX = 30
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not condition():  # noqa: ASYNC110 - what it looks at announces nothing
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def connected(url: str, *, deadline_seconds: float = 2) -> AsyncIterator[Valkey]:
    client = Valkey(url, deadline_seconds=deadline_seconds)
    keeping = asyncio.create_task(client.keep_connected())
    try:
        await until(lambda: client.is_connected)
        yield client
    finally:
        client.close()
        keeping.cancel()


@pytest.fixture
async def client(valkey: redis.Redis) -> AsyncIterator[Valkey]:
    del valkey  # emptied before and after
    async with connected(os.environ["VALKEY_URL"]) as one:
        yield one


class Answers:
    """Collects what a number of calls came to, in the order they came."""

    def __init__(self) -> None:
        self.all: list[Any] = []

    def __call__(self, reply: object) -> None:
        self.all.append(reply)

    @property
    def failures(self) -> int:
        return sum(isinstance(one, ValkeyUnavailableError) for one in self.all)


async def test_it_works(client: Valkey, valkey: redis.Redis):
    assert await client.ask(b"SET", "key", 42) == b"OK"
    assert await client.ask(b"GET", "key") == b"42"
    assert await client.ask(b"GET", "none") is None
    assert valkey.get("key") == b"42"


async def test_answers_come_in_the_order_of_the_calls(client: Valkey):
    answers = Answers()
    for number in range(5000):
        client.call(answers, b"ECHO", str(number))
    await until(lambda: len(answers.all) == 5000)
    assert answers.all == [b"%d" % number for number in range(5000)]


async def test_calls_of_one_turn_leave_in_one_write(
    client: Valkey, valkey: redis.Redis
):
    before = valkey.info("stats")["total_reads_processed"]
    answers = Answers()
    for _ in range(100):
        client.call(answers, b"PING")
    await until(lambda: len(answers.all) == 100)
    assert valkey.info("stats")["total_reads_processed"] - before <= 10


async def test_large_values_pass(client: Valkey):
    value = os.urandom(3_000_000)
    await client.ask(b"SET", "large", value)
    assert await client.ask(b"GET", "large") == value


async def test_an_error_reply_is_one_calls_own(client: Valkey):
    answers = Answers()
    client.call(answers, b"SET", "text", "x")
    client.call(answers, b"INCR", "text")
    client.call(answers, b"GET", "text")
    await until(lambda: len(answers.all) == 3)
    assert isinstance(answers.all[1], hiredis.ReplyError)
    assert answers.all[2] == b"x"
    with pytest.raises(ValkeyUnavailableError, match="not an integer"):
        await client.ask(b"INCR", "text")


async def test_it_selects_the_database_of_its_url(valkey: redis.Redis):
    url = os.environ["VALKEY_URL"] + "/9"
    async with connected(url) as client:
        await client.ask(b"SET", "only-in-nine", 1)
        assert valkey.get("only-in-nine") is None
        await client.ask(b"DEL", "only-in-nine")


async def test_it_refuses_before_it_is_connected():
    answers = Answers()
    client = Valkey("redis://127.0.0.1:1", deadline_seconds=1)
    client.call(answers, b"PING")
    assert answers.failures == 1
    with pytest.raises(ValkeyUnavailableError):
        await client.ask(b"PING")


@pytest.mark.usefixtures("valkey")
async def test_it_refuses_calls_beyond_the_bound(client: Valkey):
    answers = Answers()
    for _ in range(10_001):
        client.call(answers, b"PING")
    assert answers.failures == 1
    await until(lambda: len(answers.all) == 10_001)
    assert answers.all.count(b"PONG") == 10_000


async def test_it_comes_back_after_valkey_dropped_it(
    client: Valkey, valkey: redis.Redis
):
    def is_blocked() -> bool:
        return int(valkey.info("clients")["blocked_clients"]) == 1

    # An answer is outstanding when the connection is cut.
    blocked = asyncio.create_task(client.ask(b"BLPOP", "nothing", SECONDS_MAX))
    await until(is_blocked)
    valkey.client_kill_filter(skipme=True, _type="normal")
    with pytest.raises(ValkeyUnavailableError):
        await blocked
    await until(lambda: client.is_connected)
    assert await client.ask(b"PING") == b"PONG"


async def test_a_wrong_scheme_is_said_at_once():
    with pytest.raises(SystemExit, match="redis://"):
        Valkey("http://127.0.0.1:6379", deadline_seconds=1)


# A server that is a Valkey in name only.


@contextlib.asynccontextmanager
async def misbehaving(handler: Handler) -> AsyncIterator[str]:
    """The URL of a server that answers SELECT well, and then does as `handler` does."""
    writers: list[asyncio.StreamWriter] = []

    async def welcome(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"SELECT\r\n$1\r\n0\r\n")
            writer.write(b"+OK\r\n")
            await handler(reader, writer)

    server = await asyncio.start_server(welcome, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"redis://127.0.0.1:{port}"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del writer
    while await reader.read(65536):
        pass


async def answer_once(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes
) -> None:
    await reader.read(65536)
    writer.write(answer)
    await writer.drain()


async def test_one_that_never_answers_is_given_up():
    async with (
        misbehaving(swallow) as url,
        connected(url, deadline_seconds=0.2) as client,
    ):
        began = time.monotonic()
        answers = Answers()
        for _ in range(10):
            client.call(answers, b"PING")
        await until(lambda: len(answers.all) == 10)
        assert answers.failures == 10
        assert 0.2 <= time.monotonic() - began < 1
        assert not client.is_connected


async def test_one_that_answers_nonsense_is_given_up():
    """What cannot be matched with a call must never be taken for its answer."""

    async def nonsense(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await answer_once(reader, writer, b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await swallow(reader, writer)

    async with (
        misbehaving(nonsense) as url,
        connected(url, deadline_seconds=0.3) as client,
    ):
        answers = Answers()
        for _ in range(3):
            client.call(answers, b"PING")
        await until(lambda: len(answers.all) == 3)
        assert answers.failures == 3
        assert not client.is_connected


async def test_one_that_closes_in_the_middle_of_a_reply():
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer_once(reader, writer, b"$3\r\none\r\n$100\r\nonly a pa")
        writer.close()

    async with misbehaving(half) as url, connected(url) as client:
        answers = Answers()
        for _ in range(3):
            client.call(answers, b"PING")
        await until(lambda: len(answers.all) == 3)
        assert answers.all[0] == b"one"
        assert answers.failures == 2


async def test_half_a_reply_is_forgotten_with_its_connection():
    """The next connection's first reply must not be read as the rest of the last."""
    visits = 0

    async def half_then_well(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal visits
        visits += 1
        answer = b"$100\r\nonly a pa" if visits == 1 else b"+PONG\r\n"
        await answer_once(reader, writer, answer)
        if visits == 1:
            writer.close()
        else:
            await swallow(reader, writer)

    async with misbehaving(half_then_well) as url, connected(url) as client:
        with pytest.raises(ValkeyUnavailableError):
            await client.ask(b"PING")
        await until(lambda: client.is_connected and visits == 2)
        assert await client.ask(b"PING") == b"PONG"


async def test_an_answer_that_nobody_asked_for_drops_the_connection():
    """It would be taken for the answer to the next call, and so on for ever."""

    async def surplus(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await answer_once(reader, writer, b"+PONG\r\n+surplus\r\n")
        await answer_once(reader, writer, b"+PONG\r\n")
        await swallow(reader, writer)

    async with (
        misbehaving(surplus) as url,
        connected(url, deadline_seconds=0.3) as client,
    ):
        assert await client.ask(b"PING") == b"PONG"
        answers = Answers()
        client.call(answers, b"PING")
        await until(lambda: answers.all)
        assert b"surplus" not in answers.all


async def test_a_slow_answer_keeps_the_connection_while_others_come():
    async def one_by_one(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            for _ in range(data.count(b"PING")):
                await asyncio.sleep(0.06)
                writer.write(b"+PONG\r\n")

    async with (
        misbehaving(one_by_one) as url,
        connected(url, deadline_seconds=0.3) as client,
    ):
        answers = Answers()
        for _ in range(10):
            client.call(answers, b"PING")
        await until(lambda: len(answers.all) == 10)
        assert answers.failures == 0


async def test_after_a_short_stall_it_is_back_at_once():
    """While it is away every call is refused, so each moment more is felt by all."""
    stalls = 1

    async def stall_once(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        nonlocal stalls
        if stalls:
            stalls -= 1
            await swallow(reader, writer)
        while data := await reader.read(65536):
            writer.write(b"+PONG\r\n" * data.count(b"PING"))

    async with (
        misbehaving(stall_once) as url,
        connected(url, deadline_seconds=0.05) as client,
    ):
        with pytest.raises(ValkeyUnavailableError):
            await client.ask(b"PING")
        lost_at = time.monotonic()
        await until(lambda: client.is_connected)
        assert time.monotonic() - lost_at < 0.25
        assert await client.ask(b"PING") == b"PONG"
