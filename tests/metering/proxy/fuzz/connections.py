"""One connection that says what it must and notes what it hears, within a time."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from random import Random

from tests.metering.proxy.fuzz.answers import Answer, NotHttpError, read_answers
from tests.metering.proxy.fuzz.mutations import pieces

HEARD_SECONDS_MAX = 12.0
"""Longer than any deadline of the proxy under test and its worst delay together."""
_QUIET_SECONDS = 0.05
_AT_ONCE = 32


@dataclass
class Heard:
    sent: bytes
    answers: list[Answer]
    rest: bytes
    """Of an answer that was cut off."""
    is_closed: bool
    """By the proxy."""
    left: bool
    """We left before anything could be heard."""
    half_closed: bool = False
    """We said that nothing more comes, which the proxy takes as leaving."""

    @property
    def finals(self) -> list[Answer]:
        return [one for one in self.answers if not one.is_interim]


class HangError(Exception):
    pass


async def talk(
    port: int, data: bytes, dice: Random, *, is_patient: bool = False
) -> Heard:
    """Raises HangError when nothing came of it, NotHttpError for a bad answer."""
    way = "wait" if is_patient else dice.choices(_WAYS, _WEIGHTS)[0]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        for piece in [data] if is_patient else pieces(data, dice):
            writer.write(piece)
            await writer.drain()
            if way == "drip":
                await asyncio.sleep(dice.choice((0, 0, 0.01, 0.1)))
    if way in {"leave", "reset"}:
        await asyncio.sleep(dice.choice((0, 0.002, 0.05)))
        _leave(writer, with_reset=way == "reset")
        return Heard(data, [], b"", is_closed=False, left=True)
    if way == "half close":
        with contextlib.suppress(OSError):
            writer.write_eof()
    try:
        heard = await _hear(reader, data)
        heard.half_closed = way == "half close"
        return heard
    finally:
        _leave(writer, with_reset=False)


_WAYS = ("wait", "drip", "half close", "leave", "reset")
_WEIGHTS = (70, 10, 6, 7, 7)


def _leave(writer: asyncio.StreamWriter, *, with_reset: bool) -> None:
    if with_reset:
        raw = writer.get_extra_info("socket")
        linger = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def _hear(reader: asyncio.StreamReader, sent: bytes) -> Heard:
    to_head = b"HEAD " in sent
    data, is_closed = b"", False
    loop = asyncio.get_running_loop()
    until = loop.time() + HEARD_SECONDS_MAX
    while not is_closed:
        answers, rest = _understood(data, to_head=to_head)
        is_answered = (
            not rest
            and any(not one.is_interim for one in answers)
            and answers[-1].headers.get("connection") != "close"
        )
        wait = _QUIET_SECONDS if is_answered else until - loop.time()
        try:
            more = await asyncio.wait_for(reader.read(65536), max(0, wait))
        except TimeoutError:
            if is_answered:
                break
            raise HangError(f"heard only {data[-300:]!r}") from None
        except ConnectionError:
            more = b""
        data, is_closed = data + more, not more
    answers, rest = _understood(data, to_head=to_head)
    return Heard(sent, answers, rest, is_closed=is_closed, left=False)


def _understood(data: bytes, *, to_head: bool) -> tuple[list[Answer], bytes]:
    """A HEAD that was damaged, or one of several, may be answered with a body."""
    if to_head:
        with contextlib.suppress(NotHttpError):
            answers, rest = read_answers(data, to_head=True)
            if not rest:
                return answers, rest
    return read_answers(data)


async def each(cases: Iterable[int], one: Callable[[int], Awaitable[None]]) -> None:
    """All cases, some at the same time."""
    left = iter(cases)

    async def work() -> None:
        for case in left:
            await one(case)

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(work())
