"""Where a call goes: the engines of each model, their health, and the choice."""

import asyncio
import json
import logging
import random
import time
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

from inference.wire import EngineAddress, Route
from metering.proxy import errors
from metering.proxy.engine_choice import Choice, ranked
from metering.proxy.errors import RefusedError
from metering.proxy.observe import Observer
from metering.proxy.settings import ENGINE_CALLS_MAX, ProxySettings
from metering.proxy.snapshots import Snapshots
from metering.proxy.upstream import Engine

_log = logging.getLogger(__name__)
_PROBE_SECONDS = 1.0
_PROBE_TIMEOUT_SECONDS = 2.0
_RETRY_AFTER_SECONDS = 5
"""Where nothing says how long the engine will still take."""
_RETRY_AFTER_SECONDS_MAX = 120
_PREFIX_BYTES_MIN = 256
"""Shorter prompts have nothing worth finding again."""
_HOME_LOAD_MAX = 1.25
"""Times the mean of calls in flight."""
_64_BITS = (1 << 64) - 1
_HOME_CALLS_FREE = 2
"""A difference of so many calls is no load."""


class Router:
    def __init__(
        self, snapshots: Snapshots, settings: ProxySettings, observer: Observer
    ) -> None:
        self._snapshots = snapshots
        self._settings = settings
        self._observer = observer
        self._engines: dict[int, Engine] = {}

    def admitted(self, route: Route) -> list[Engine]:
        """The engines of the route that take calls."""
        found = [self._engine(address) for address in route.engines]
        return [engine for engine in found if engine.admits()]

    def ranked(self, route: Route, held_tokens: Mapping[int, int]) -> list[Engine]:
        """The engines of the route that take calls, as `pick` would take them; without
        any that holds something, in the order of the route.
        """
        engines = self.admitted(route)
        return _by_what_they_hold(engines, held_tokens) or engines

    def pick(
        self,
        route: Route,
        *,
        besides: Container[int],
        prefix: bytes = b"",
        held_tokens: Mapping[int, int] | None = None,
    ) -> Engine:
        """A healthy engine of the route, not one in `besides`. `held_tokens`: how many
        tokens of the prompt some of them hold, by their ids; None: none of them.

        Raises RefusedError when there is none, or all are full.
        """
        engines = [
            engine
            for address in route.engines
            if address.engine_id not in besides
            and (engine := self._engine(address)).admits()
        ]
        if not engines:
            raise self._not_ready(route)
        holders: list[Engine] = []
        if held_tokens:
            free = [one for one in engines if one.calls < ENGINE_CALLS_MAX]
            holders = _by_what_they_hold(free, held_tokens)
        engine = holders[0] if holders else _choose(engines, prefix)
        if engine.calls >= ENGINE_CALLS_MAX:
            raise RefusedError(
                errors.OVERLOADED,
                "All engines of this model are busy. Please retry shortly.",
                retry_after_seconds=1,
            )
        return engine

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether some model can be called, and how far the engine's preparation is."""
        is_ready = any(self._is_callable(route) for route in self._routes())
        progress = _read_progress(self._settings.engine_progress_file)
        state = "ready" if is_ready else "starting"
        return is_ready, {"status": state, "engine": progress}

    def _routes(self) -> list[Route]:
        return list(self._snapshots.routes.values())

    def _is_callable(self, route: Route) -> bool:
        return self._snapshots.is_sold(route.model, at=time.time()) and any(
            self._engine(address).admits() for address in route.engines
        )

    def _not_ready(self, route: Route) -> RefusedError:
        if any(self._engine(address).is_healthy for address in route.engines):
            return RefusedError(
                errors.OVERLOADED,
                "The engines of this model are failing. Please retry shortly.",
                retry_after_seconds=2,
            )
        progress = _read_progress(self._settings.engine_progress_file) or {}
        eta = progress.get("eta_seconds")
        seconds = int(eta) if isinstance(eta, int | float) else _RETRY_AFTER_SECONDS
        message = "No engine is ready for this model yet."
        if progress.get("state") == "failed":
            message = "The engine could not be started; the operator has been told why."
        elif progress.get("state") not in (None, "ready"):
            done = int(100 * float(progress.get("overall") or 0))
            title = progress.get("title") or progress["state"]
            message = f"The engine is being prepared: {title}, {done} % done."
        return RefusedError(
            errors.ENGINE_NOT_READY,
            message,
            retry_after_seconds=max(1, min(seconds, _RETRY_AFTER_SECONDS_MAX)),
        )

    def _engine(self, address: EngineAddress) -> Engine:
        engine = self._engines.get(address.engine_id)
        if engine is None or engine.address != address:
            if engine is not None:
                engine.close_idle()
            engine = Engine(address, connect_seconds=self._settings.connect_seconds)
            self._engines[address.engine_id] = engine
        return engine

    async def keep_probing(self) -> None:
        """Runs for ever: asks every engine's `/health`, and drops those that left."""
        while True:
            began = time.monotonic()
            addresses = {
                address.engine_id: address
                for route in self._routes()
                for address in route.engines
            }
            for engine_id in self._engines.keys() - addresses.keys():
                self._engines.pop(engine_id).close_idle()
            await asyncio.gather(
                *(self._probe(self._engine(address)) for address in addresses.values())
            )
            await asyncio.sleep(max(0.0, began + _PROBE_SECONDS - time.monotonic()))

    async def _probe(self, engine: Engine) -> None:
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_SECONDS):
                is_healthy = await _answers_health(engine.address.address)
        except (OSError, TimeoutError, ValueError):
            is_healthy = False
        if is_healthy != engine.is_healthy:
            name = engine.address.name
            _log.info("engine %s is %s", name, "healthy" if is_healthy else "away")
            self._observer.engine_healthy.labels(name).set(is_healthy)
            engine.succeeded()
        engine.is_healthy = is_healthy


def _by_what_they_hold(
    engines: list[Engine], held_tokens: Mapping[int, int]
) -> list[Engine]:
    """The best first; empty: none of them holds anything."""
    held = [held_tokens.get(one.address.engine_id, 0) for one in engines]
    if not any(held):
        return []
    choices = [
        Choice(calls=one.calls, held_tokens=tokens, pace=one.pace)
        for one, tokens in zip(engines, held, strict=True)
    ]
    return [engines[index] for index in ranked(choices)]


def _choose(engines: list[Engine], prefix: bytes) -> Engine:
    """The engine that calls with this prefix go to, as long as it is not much busier
    than the others (its cache then holds the prompt); else the less busy of two.
    """
    if len(engines) == 1:
        return engines[0]
    if len(prefix) >= _PREFIX_BYTES_MIN:
        # Rendezvous hashing: an engine that leaves moves its own prefixes only.
        digest = crc32(prefix)
        home = max(engines, key=lambda one: _mixed(digest, one.address.engine_id))
        mean = sum(one.calls for one in engines) / len(engines)
        if home.calls <= _HOME_LOAD_MAX * mean + _HOME_CALLS_FREE:
            return home
    one, other = random.sample(engines, 2)
    return one if one.calls <= other.calls else other


def _mixed(digest: int, engine_id: int) -> int:
    """64 bits in which each bit of both counts (the end of SplitMix64). CRC-32 started
    with the id will not do: it is linear, and of four engines one got twice its part.
    """
    mixed = (digest + engine_id * 0x9E3779B97F4A7C15) & _64_BITS
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _64_BITS
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _64_BITS
    return mixed ^ mixed >> 31


async def _answers_health(address: str) -> bool:
    scheme, _, rest = address.partition(":")
    if scheme == "unix":
        reader, writer = await asyncio.open_unix_connection(rest)
    else:
        host, _, port = rest.strip("/").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port or 80))
    try:
        writer.write(
            b"GET /health HTTP/1.1\r\nhost: engine\r\nconnection: close\r\n\r\n"
        )
        return (await reader.readline()).startswith(b"HTTP/1.1 200")
    finally:
        writer.transport.abort()


def _read_progress(path: Path) -> dict[str, Any] | None:
    """None: no engine of ours is being prepared on this machine."""
    try:
        progress = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return progress if isinstance(progress, dict) else None
