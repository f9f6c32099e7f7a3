"""The lease collector's life: all engines side by side, whatever fails."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import httpx
from django.db import Error, connection

from inference.models import Engine
from inference.services.collect_leases import collect_leases
from inference.services.lease_client import LeaseClient

LOOK_SECONDS = 5.0
"""How late a new engine is asked for the first time, at most."""
RETRY_SECONDS_MIN = 0.25
RETRY_SECONDS_MAX = 2.0
"""An engine that came back has cached prompts to be read again."""

_Result = TypeVar("_Result")

_logger = logging.getLogger(__name__)
_FAILURES = (httpx.HTTPError, OSError, TimeoutError, ValueError, Error)


@dataclass(frozen=True)
class _Place:
    engine_id: int
    name: str
    address: str


async def collect_until_stopped(stop: asyncio.Event, *, engine_key: str) -> None:
    """Engines that are away are asked again and again, later and later; engines that
    come are found. PostgreSQL being away is waited out: engines keep their receipts.
    """
    # One thread, hence one connection, and acts that never overlap.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="books") as books:
        collector = _Collector(books, engine_key)
        try:
            while not stop.is_set():
                await collector.look()
                await _is_set_within(stop, LOOK_SECONDS)
        finally:
            await collector.close()


async def _is_set_within(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


class _Collector:
    def __init__(self, books: ThreadPoolExecutor, engine_key: str) -> None:
        self._books = books
        self._engine_key = engine_key
        self._tasks: dict[_Place, asyncio.Task[None]] = {}

    async def look(self) -> None:
        """Which engines there are; an address that changed is another place."""
        try:
            places = set(await self._in_books(_places))
        except Error as error:
            _logger.warning("which engines there are is not known: %s", error)
            return
        for place in self._tasks.keys() - places:
            self._tasks.pop(place).cancel()
        for place in [one for one, task in self._tasks.items() if task.done()]:
            failure = self._tasks.pop(place).exception()
            _logger.error("engine %s is asked anew", place.name, exc_info=failure)
        for place in places - self._tasks.keys():
            self._tasks[place] = asyncio.create_task(self._collect(place))

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await self._in_books(lambda: connection.close())  # noqa: PLW0108  that thread's

    async def _collect(self, place: _Place) -> None:
        client = LeaseClient(place.address, key=self._engine_key)
        said, delay = "", 0.0
        try:
            while True:
                try:
                    await collect_leases(
                        place.engine_id, client, in_books=self._in_books
                    )
                    said, delay = "", 0.0
                except _FAILURES as error:
                    delay = min(max(2 * delay, RETRY_SECONDS_MIN), RETRY_SECONDS_MAX)
                    said = _say_once(place, repr(error), said)
                await asyncio.sleep(delay)
        finally:
            await client.close()

    async def _in_books(self, act: Callable[[], _Result]) -> _Result:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._books, _guarded, act)


def _guarded(act: Callable[[], _Result]) -> _Result:
    try:
        return act()
    except Error:
        connection.close()
        raise


def _say_once(place: _Place, text: str, said: str) -> str:
    if text != said:
        _logger.warning("engine %s tells no lease receipts: %s", place.name, text)
    return text


def _places() -> list[_Place]:
    rows = Engine.objects.values_list("pk", "name", "address")
    return [_Place(*row) for row in rows]
