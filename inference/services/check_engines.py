"""Ask every engine whether it is well, and write down what it said.

The portal shows these states. The data plane does not wait for them: it probes the
engines of its routes itself.
"""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import datetime

import httpx
from django.db.models import Q

from inference.domain.engine_address import parse
from inference.models import Engine, EngineState
from inference.services.publish_routes import publish_routes

CHECK_SECONDS_MAX = 2.0
"""For the whole check of one engine; a slow answer is none."""
PARALLEL_CHECKS_MAX = 16


def check_engines(*, now: datetime) -> int:
    """Checks all engines; returns how many changed their state, and if any did,
    publishes the routes again.
    """
    engines = list(Engine.objects.order_by("id"))
    answers = asyncio.run(_ask_all([engine.address for engine in engines]))
    changed = sum(
        _note(engine, is_well, now)
        for engine, is_well in zip(engines, answers, strict=True)
    )
    if changed:
        publish_routes()
    return changed


async def _ask_all(addresses: Sequence[str]) -> list[bool]:
    room = asyncio.Semaphore(PARALLEL_CHECKS_MAX)
    return list(await asyncio.gather(*(_ask(address, room) for address in addresses)))


async def _ask(address: str, room: asyncio.Semaphore) -> bool:
    """Whether `GET /health` answers 200; the body is not read."""
    where = parse(address)
    async with room:
        try:
            # The deadline covers everything, unlike httpx's, which starts anew with
            # each byte that a hanging engine lets drip.
            async with (
                asyncio.timeout(CHECK_SECONDS_MAX),
                _client(where.socket_path) as client,
                client.stream("GET", f"{where.base_url}/health") as response,
            ):
                return response.status_code == httpx.codes.OK
        except (httpx.HTTPError, OSError, TimeoutError):
            return False


def _client(socket_path: str | None) -> httpx.AsyncClient:
    """Engines speak plain HTTP: an empty TLS context spares loading all the world's
    certificates, 15 ms of processor time for each check.
    """
    transport = httpx.AsyncHTTPTransport(
        uds=socket_path, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False
    )
    return httpx.AsyncClient(
        transport=transport, trust_env=False, timeout=CHECK_SECONDS_MAX
    )


def _note(engine: Engine, is_well: bool, now: datetime) -> bool:
    """Whether the state changed. A check that took longer than a later one, or one of
    an address that the engine has left meanwhile, says nothing any more.
    """
    fields = {"checked_at": now, "state": _next_state(engine.state, is_well)}
    if is_well:
        fields["ready_at"] = now
    written = Engine.objects.filter(
        Q(checked_at__isnull=True) | Q(checked_at__lt=now),
        pk=engine.pk,
        address=engine.address,
        state=engine.state,
    ).update(**fields)
    return bool(written) and fields["state"] != engine.state


def _next_state(state: str, is_well: bool) -> EngineState:
    """An engine that never answered is starting, however long that takes."""
    if is_well:
        return EngineState.READY
    return (
        EngineState(state)
        if state == EngineState.STARTING
        else (EngineState.UNREACHABLE)
    )
