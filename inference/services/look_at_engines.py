"""What engines do at this moment, for who looks: load, KV memory, versions."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import httpx
import msgspec
from django.conf import settings

from inference.domain.engine_gauges import EngineGauges, parse_gauges
from inference.domain.lease_control import EngineLeases
from inference.models import Engine
from inference.services.fetch_engine_text import fetch_engine_text
from inference.services.lease_client import LeaseClient

LOOK_SECONDS_MAX = 1.0
"""For all that one engine is asked; they are asked side by side."""
ENGINES_MAX = 64
VERSION_CHARACTERS_MAX = 40

_Answer = TypeVar("_Answer")


class _Version(msgspec.Struct):
    version: str


@dataclass(frozen=True, kw_only=True)
class EngineLook:
    engine_id: int
    gauges: EngineGauges | None
    """None: it did not tell in time."""
    leases: EngineLeases | None
    """None: it did not tell in time, or has no plugin for leases."""
    version: str
    """Of vLLM; empty: it did not tell."""

    @property
    def is_answering(self) -> bool:
        return self.gauges is not None


def look_at_engines(engines: Iterable[Engine]) -> dict[int, EngineLook]:
    """By engine id; each answers within a second or is taken not to."""
    return {look.engine_id: look for look in asyncio.run(_look_at_all(list(engines)))}


async def _look_at_all(engines: list[Engine]) -> list[EngineLook]:
    return list(await asyncio.gather(*map(_look_at, engines[:ENGINES_MAX])))


async def _look_at(engine: Engine) -> EngineLook:
    gauges, leases, version = await asyncio.gather(
        _or_none(_gauges(engine.address)),
        _or_none(_leases(engine.address)),
        _or_none(_version(engine.address)),
    )
    return EngineLook(
        engine_id=engine.pk, gauges=gauges, leases=leases, version=version or ""
    )


async def _or_none(question: Awaitable[_Answer]) -> _Answer | None:
    """None: there was no answer in time, or none that can be read."""
    try:
        # Over everything: httpx's own time-outs begin anew with each byte.
        async with asyncio.timeout(LOOK_SECONDS_MAX):
            return await question
    except (httpx.HTTPError, OSError, TimeoutError, ValueError):
        return None


async def _gauges(address: str) -> EngineGauges:
    return parse_gauges(
        await fetch_engine_text(address, "/metrics", seconds_max=LOOK_SECONDS_MAX)
    )


async def _leases(address: str) -> EngineLeases:
    client = LeaseClient(address, key=settings.ENGINE_KEY)
    try:
        return await client.status()
    finally:
        await client.close()


async def _version(address: str) -> str:
    text = await fetch_engine_text(address, "/version", seconds_max=LOOK_SECONDS_MAX)
    return msgspec.json.decode(text, type=_Version).version[:VERSION_CHARACTERS_MAX]
