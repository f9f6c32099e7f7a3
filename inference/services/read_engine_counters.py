"""Ask every engine what it has counted; each answer with the time it is true for."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import httpx
from django.utils import timezone

from inference.domain.engine_counters import EngineMetrics, parse_metrics
from inference.models import Engine
from inference.services.fetch_engine_text import fetch_engine_text

READ_SECONDS_MAX = 3.0
"""For the whole answer of one engine."""
PARALLEL_READS_MAX = 16

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Answer:
    engine_id: int
    asked_at: datetime
    answered_at: datetime
    """The counters were read at some moment between the two."""
    metrics: EngineMetrics


def read_engine_counters(engines: Iterable[Engine]) -> list[Answer]:
    """The answers of those that gave one in time; an engine that counts no tokens, or
    is away, gives none.
    """
    return [answer for answer in asyncio.run(_ask_all(list(engines))) if answer]


async def _ask_all(engines: list[Engine]) -> list[Answer | None]:
    room = asyncio.Semaphore(PARALLEL_READS_MAX)
    return list(await asyncio.gather(*(_ask(engine, room) for engine in engines)))


async def _ask(engine: Engine, room: asyncio.Semaphore) -> Answer | None:
    async with room:
        try:
            # Over everything: httpx's own time-outs begin anew with each byte.
            async with asyncio.timeout(READ_SECONDS_MAX):
                asked_at = timezone.now()
                text = await fetch_engine_text(
                    engine.address, "/metrics", seconds_max=READ_SECONDS_MAX
                )
                answered_at = timezone.now()
            metrics = parse_metrics(text)
        except (httpx.HTTPError, OSError, TimeoutError, ValueError) as error:
            _logger.info("engine %s tells no counters: %r", engine.name, error)
            return None
    return Answer(
        engine_id=engine.pk,
        asked_at=asked_at,
        answered_at=answered_at,
        metrics=metrics,
    )
