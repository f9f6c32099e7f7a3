"""Ask every engine what it has counted; each answer with the time it is true for."""

import asyncio
import logging
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import httpx
from django.utils import timezone

from inference.domain.engine_address import parse
from inference.domain.engine_counters import EngineMetrics, parse_metrics
from inference.models import Engine

READ_SECONDS_MAX = 3.0
"""For the whole answer of one engine."""
METRICS_BYTES_MAX = 8 * 1024 * 1024
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
    where = parse(engine.address)
    async with room:
        try:
            # Over everything: httpx's own time-outs begin anew with each byte.
            async with asyncio.timeout(READ_SECONDS_MAX):
                asked_at = timezone.now()
                text = await _fetch(where.socket_path, f"{where.base_url}/metrics")
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


async def _fetch(socket_path: str | None, url: str) -> str:
    """Raises httpx.HTTPError, OSError and ValueError (too long, or no text)."""
    # An empty TLS context, since engines speak plain HTTP: see check_engines.
    transport = httpx.AsyncHTTPTransport(
        uds=socket_path, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False
    )
    async with (
        httpx.AsyncClient(transport=transport, timeout=READ_SECONDS_MAX) as client,
        client.stream("GET", url) as response,
    ):
        response.raise_for_status()
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > METRICS_BYTES_MAX:
                raise ValueError("its /metrics is too long")
    return body.decode()
