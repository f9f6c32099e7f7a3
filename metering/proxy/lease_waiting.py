"""Keeps a lease for a turn that came in time and has not reached its engine yet.

The engine holds a lease for a grace after the time that was sold. A turn that waits
with us for longer, for a connection or for a count, is given another grace, again and
again and at our cost: arrival decides (ADR 0023).
"""

import asyncio
import contextlib
import time

from inference.domain.lease_row import LeaseRow
from inference.domain.lease_terms import GRACE_MS
from metering.proxy.lease_listener import EngineSilentError, LeaseListener

_LOOK_SECONDS = GRACE_MS / 1000 * 0.6
"""Twice within two graces, so that a late look is early enough."""


class LeaseWaiting:
    def __init__(
        self,
        row: LeaseRow,
        listener: LeaseListener,
        *,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        self._row = row
        self._listener = listener
        self._look_seconds = look_seconds
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        """The loop itself keeps tasks only weakly."""
        self._timer = self._loop.call_later(look_seconds, self._look)

    def stop(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        self._timer = self._loop.call_later(self._look_seconds, self._look)
        if time.time_ns() // 1_000_000 > self._row.expires_at_ms:
            self._task = self._loop.create_task(self._give_grace())

    async def _give_grace(self) -> None:
        row = self._row
        with contextlib.suppress(EngineSilentError):  # then its hash proves it
            await self._listener.extend(row.lease_id, row.tenant_id, ttl_ms=0)
