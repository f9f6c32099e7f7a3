"""One question to one engine about its leases, from code that may wait."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
from django.conf import settings

from inference.errors import EngineSilentError
from inference.services.lease_client import LeaseClient

_Answer = TypeVar("_Answer")


def ask_engine(
    address: str, question: Callable[[LeaseClient], Awaitable[_Answer]]
) -> _Answer:
    """Raises EngineSilentError."""

    async def ask() -> _Answer:
        client = LeaseClient(address, key=settings.ENGINE_KEY)
        try:
            return await question(client)
        finally:
            await client.close()

    try:
        return asyncio.run(ask())
    except (httpx.HTTPError, OSError, TimeoutError, ValueError) as error:
        raise EngineSilentError(f"The engine at {address}: {error!r}.") from error
