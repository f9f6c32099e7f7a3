"""What the calls of one process share, and how a call and its client talk."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from metering.proxy.admission import Admitter
from metering.proxy.cached_prompts import CachedPrompts
from metering.proxy.call_texts import CallTexts
from metering.proxy.control_plane import ControlPlane
from metering.proxy.counting import Counting
from metering.proxy.deadlines import Deadlines
from metering.proxy.errors import RefusedError
from metering.proxy.journal import Journal
from metering.proxy.last_callers import LastCallers
from metering.proxy.lease_turn import Leases
from metering.proxy.limits import Limits
from metering.proxy.observe import Observer
from metering.proxy.recorder import Recorders
from metering.proxy.routing import Router
from metering.proxy.settings import ProxySettings
from metering.proxy.snapshots import Snapshots
from metering.proxy.stored_responses import StoredResponses


class InFlight(Protocol):
    def cut_short(self) -> None:
        """The process must end: stops a call that outlasted the drain."""


@dataclass(slots=True, kw_only=True)
class Plane:
    """What all calls of the process share."""

    settings: ProxySettings
    snapshots: Snapshots
    admitter: Admitter
    leases: Leases
    prompts: CachedPrompts
    limits: Limits
    counting: Counting
    router: Router
    journal: Journal
    recorders: Recorders
    responses: StoredResponses
    texts: CallTexts
    last_callers: LastCallers
    control: ControlPlane
    observer: Observer
    deadlines: Deadlines
    calls: set["InFlight"]
    """In flight, those without a client included."""
    attempts: set["InFlight"]
    """Requests with an idempotency key; what they run is among the calls."""
    idle: asyncio.Event
    """Set when the last call or attempt in flight ended."""
    has_journal_room: bool = True
    is_draining: bool = False
    buffered_bytes: int = 0
    clients: int = 0
    """Open connections."""

    async def wait_until_idle(self) -> None:
        while self.calls or self.attempts:
            self.idle.clear()
            await self.idle.wait()


class Client(Protocol):
    """The connection that waits for the answer."""

    def refuse(self, error: RefusedError) -> None:
        """Answers with the error; nothing of the answer was sent before."""

    def send_whole(self, headers: bytes, body: bytes) -> None: ...

    def begin_stream(self, headers: bytes, first: bytes) -> None: ...

    def send(self, data: bytes) -> None: ...

    def end_stream(self, rest: bytes) -> None:
        """Sends the last bytes; the connection may serve its next request."""

    def break_off(self) -> None:
        """Closes without an end: the answer must not look complete."""


class Running(Protocol):
    """What a connection has to do with a call."""

    def start(self) -> None: ...

    def client_gone(self) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...


class Keeper(Protocol):
    """Keeps the answer of a call whose caller gave an idempotency key."""

    def seal(
        self, event: bytes, headers: bytes, rest: bytes, then: Callable[[bytes], None]
    ) -> None:
        """Before the usage event is written: keeps it and the answer's end, then calls
        `then` with the event to write.
        """


def new_request_id() -> str:
    """32 hexadecimal digits, a UUID of version 7: time first, so that rows that are
    written together lie together.
    """
    milliseconds = time.time_ns() // 1_000_000
    bits = random.getrandbits(74)
    value = milliseconds << 80 | 0x7 << 76 | (bits >> 62) << 64 | 0b10 << 62
    return f"{value | bits & ((1 << 62) - 1):032x}"
