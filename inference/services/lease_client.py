"""Asks one engine about its leases."""

import asyncio
import ssl
from typing import TypeVar

import httpx
import msgspec

from inference.domain.engine_address import parse
from inference.domain.lease_control import EngineLeases, LeaseEvents, LeaseList

WAIT_SECONDS = 10
"""How long an engine that has nothing to tell keeps the question."""
ANSWER_SECONDS_MAX = 5.0
"""Beyond that, for a whole answer."""
BYTES_MAX = 32 * 1024 * 1024

_Answer = TypeVar("_Answer")


class LeaseClient:
    """Raises httpx.HTTPError, OSError, TimeoutError, and ValueError for an answer that
    is too long or is none.
    """

    def __init__(self, address: str, *, key: str) -> None:
        where = parse(address)
        # An empty TLS context, since engines speak plain HTTP: see check_engines.
        transport = httpx.AsyncHTTPTransport(
            uds=where.socket_path,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            trust_env=False,
        )
        self._http = httpx.AsyncClient(
            transport=transport,
            base_url=f"{where.base_url}/v1/tokenfab/",
            headers={"authorization": f"Bearer {key}"},
            timeout=WAIT_SECONDS + ANSWER_SECONDS_MAX,
            trust_env=False,
        )

    async def events(self, sequence: int, *, wait_seconds: int) -> LeaseEvents:
        """What came after that number; none after `wait_seconds`."""
        path = f"lease_events?sequence={sequence}&wait_seconds={wait_seconds}"
        return await self._read(path, LeaseEvents, seconds_max=wait_seconds)

    async def leases(self) -> LeaseList:
        return await self._read("leases", LeaseList, seconds_max=0)

    async def status(self) -> EngineLeases:
        return await self._read("lease_status", EngineLeases, seconds_max=0)

    async def release(self, lease_id: str, *, tenant_id: int) -> bool:
        """Whether the engine held it: its meter stops at once."""
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            response = await self._http.delete(
                f"leases/{lease_id}", params={"tenant_id": str(tenant_id)}
            )
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        response.raise_for_status()
        return True

    async def extend(self, lease_id: str, *, tenant_id: int, ttl_ms: int) -> bool:
        """Whether the engine holds it: then until `ttl_ms` from now at least."""
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            response = await self._http.post(
                f"leases/{lease_id}/extend",
                params={"tenant_id": str(tenant_id), "ttl_ms": str(ttl_ms)},
            )
        if response.status_code == httpx.codes.NOT_FOUND:
            return False
        response.raise_for_status()
        return True

    async def close(self) -> None:
        await self._http.aclose()

    async def _read(
        self, path: str, form: type[_Answer], *, seconds_max: float
    ) -> _Answer:
        # Over everything: httpx's own time-outs begin anew with each byte.
        async with (
            asyncio.timeout(seconds_max + ANSWER_SECONDS_MAX),
            self._http.stream("GET", path) as response,
        ):
            response.raise_for_status()
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > BYTES_MAX:
                    raise ValueError("the answer about leases is too long")
        return msgspec.json.decode(body, type=form)
