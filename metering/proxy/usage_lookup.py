"""`GET /v1/usage/requests/{id}`: passed on to the control plane, which knows.

A client needs one base URL, and its newest call takes some seconds to get there: a
record that may still be on its way is asked for again.
"""

import asyncio
import time

from inference.wire import EngineAddress
from metering.proxy import errors
from metering.proxy.asking import ask
from metering.proxy.errors import RefusedError
from metering.proxy.upstream import HTTP_OK, Engine

PATH = b"/v1/usage/requests/"
_IN_FLIGHT_MAX = 32
_YOUNG_SECONDS = 15.0
_AGAIN_SECONDS = 0.5
_DEADLINE_SECONDS = 8.0
_NOT_FOUND = 404
_UNAVAILABLE = RefusedError(
    errors.USAGE_UNAVAILABLE,
    "Usage cannot be read right now. Please retry in a few seconds.",
    retry_after_seconds=5,
)


class UsageLookup:
    def __init__(self, control_url: str, *, host: str, connect_seconds: float) -> None:
        """`host` is the portal's public one, which the control plane answers to."""
        address = EngineAddress(engine_id=0, name="control", address=control_url)
        self._control = Engine(address, connect_seconds=connect_seconds)
        self._host = host.encode()
        self._in_flight = 0

    async def find(self, path: bytes, *, secret: bytes) -> tuple[int, bytes]:
        """(status, JSON document) of the control plane. Raises RefusedError."""
        if self._in_flight >= _IN_FLIGHT_MAX:
            raise _UNAVAILABLE
        self._in_flight += 1
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                return await self._find(path, secret)
        except (OSError, TimeoutError):
            raise _UNAVAILABLE from None
        finally:
            self._in_flight -= 1

    async def _find(self, path: bytes, secret: bytes) -> tuple[int, bytes]:
        head = (
            b"GET %b HTTP/1.1\r\nhost: %b\r\nauthorization: Bearer %b\r\n"
            b"x-forwarded-proto: https\r\nconnection: close\r\n\r\n"
            % (path, self._host, secret)
        )
        until = time.monotonic() + _DEADLINE_SECONDS - 2 * _AGAIN_SECONDS
        while True:
            status, body = await ask(self._control, head, b"", fresh=True)
            is_due = status == _NOT_FOUND and _is_young(path)
            if not is_due or time.monotonic() >= until:
                break
            await asyncio.sleep(_AGAIN_SECONDS)
        if status not in (HTTP_OK, _NOT_FOUND):
            raise _UNAVAILABLE
        return status, body


def _is_young(path: bytes) -> bool:
    """Whether the id, a UUID of version 7, was made a moment ago."""
    digits = path.removeprefix(PATH).removeprefix(b"req_").replace(b"-", b"")[:12]
    try:
        made_at = int(digits, 16) / 1000
    except ValueError:
        return False
    return abs(time.time() - made_at) < _YOUNG_SECONDS
