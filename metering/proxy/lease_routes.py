"""`GET` and `DELETE /v1/kv_leases/{id}`, `POST /v1/kv_leases/{id}/extend`."""

import asyncio
from typing import Any

import msgspec

from inference.domain.lease_row import LeaseRow, LeaseStatus
from metering.proxy import errors
from metering.proxy.errors import RefusedError
from metering.proxy.lease_listener import EngineSilentError, LeaseListener
from metering.proxy.lease_result import iso
from metering.proxy.lease_sale import UNAVAILABLE
from metering.proxy.lease_turn import now_ms
from metering.proxy.plane import Client, Plane
from metering.proxy.transform.lease_fields import (
    Timeout,
    duration_ms,
    internal_id,
    no_such_lease,
    public_id,
)
from metering.proxy.valkey import ValkeyUnavailableError
from tenants.wire import KeyPolicy

PREFIX = b"/v1/kv_leases/"
_EXTEND = b"/extend"


def allowed_methods(path: bytes) -> tuple[bytes, ...]:
    """Empty for a path that is none of these."""
    if not path.startswith(PREFIX):
        return ()
    return (b"POST",) if path.endswith(_EXTEND) else (b"GET", b"DELETE")


class LeaseRequest:
    """One of these requests, until it is answered (background.Running)."""

    def __init__(
        self,
        plane: Plane,
        client: Client,
        policy: KeyPolicy,
        *,
        method: bytes,
        path: bytes,
        body: bytes,
    ) -> None:
        self._plane = plane
        self._client: Client | None = client
        self._policy = policy
        self._method = method
        self._body = body
        self._name = path.removeprefix(PREFIX).removesuffix(_EXTEND).decode("latin-1")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def client_gone(self) -> None:
        self._client = None

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    async def _run(self) -> None:
        try:
            row, is_verified = await self._act()
        except (ValkeyUnavailableError, EngineSilentError):
            self._refuse(UNAVAILABLE)
        except RefusedError as refusal:
            self._refuse(refusal)
        else:
            document = msgspec.json.encode(_document(row, is_verified=is_verified))
            if self._client is not None:
                self._client.send_whole(b"", document)

    def _refuse(self, refusal: RefusedError) -> None:
        if self._client is not None:
            self._client.refuse(refusal)

    async def _act(self) -> tuple[LeaseRow, bool]:
        """The lease, and whether that is proven: what it holds by the KV events of its
        engine, its end by a receipt.

        Raises RefusedError, ValkeyUnavailableError and EngineSilentError.
        """
        tenant_id, lease_id = self._policy.tenant_id, internal_id(self._name)
        rows = self._plane.leases.rows
        row = await rows.read(tenant_id=tenant_id, lease_id=lease_id)
        if row is None or row.project_id != self._policy.project_id:
            raise no_such_lease()
        if self._method == b"POST":
            return await self._extend(row), True
        if not row.is_live(now_ms()):
            return row, True
        if self._method == b"DELETE":
            return await self._release(row), True
        return await self._look(row)

    def _listener(self, row: LeaseRow) -> LeaseListener | None:
        """None: its engine is away, so that nobody can say."""
        route = self._plane.snapshots.routes.get(row.model)
        for engine in self._plane.router.admitted(route) if route else ():
            if engine.address.engine_id == row.engine_id:
                return self._plane.leases.listener(engine)
        return None

    async def _look(self, row: LeaseRow) -> tuple[LeaseRow, bool]:
        listener = self._listener(row)
        if listener is None:
            return row, False
        try:
            found = await listener.lease(row.lease_id, row.tenant_id)
        except EngineSilentError:
            return row, False
        if found is None:
            return await self._ended(row, LeaseStatus.LOST), True
        return msgspec.structs.replace(row, tier=found.tier), found.verified

    async def _release(self, row: LeaseRow) -> LeaseRow:
        """The meter stops when the engine has let go, which its receipt tells."""
        listener = self._listener(row)
        if listener is None:
            raise UNAVAILABLE
        await listener.release(row.lease_id, row.tenant_id)
        return await self._ended(row, LeaseStatus.RELEASED)

    async def _ended(self, row: LeaseRow, state: LeaseStatus) -> LeaseRow:
        ended = row.ended(state, at_ms=now_ms())
        if not await self._plane.leases.rows.write(ended):
            raise UNAVAILABLE
        return ended

    async def _extend(self, row: LeaseRow) -> LeaseRow:
        ttl_ms = self._ttl_ms()
        if self._policy.is_prepaid or self._policy.spend_limits:
            raise RefusedError(
                errors.LEASE_NOT_EXTENDED,
                "With prepaid credit or a spend limit a lease cannot be extended: ask "
                "for a longer timeout in the next turn.",
            )
        if not row.is_live(now_ms()):
            raise _ended_already(row)
        listener = self._listener(row)
        if listener is None:
            raise UNAVAILABLE
        told = await listener.extend(row.lease_id, row.tenant_id, ttl_ms=ttl_ms)
        if told is None:
            raise _ended_already(await self._ended(row, LeaseStatus.LOST))
        until_ms = max(row.expires_at_ms, now_ms() + ttl_ms)
        longer = msgspec.structs.replace(row, expires_at_ms=until_ms)
        if not await self._plane.leases.rows.write(longer):
            raise UNAVAILABLE
        return longer

    def _ttl_ms(self) -> int:
        try:
            asked = msgspec.json.decode(self._body, type=Timeout)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise RefusedError(
                errors.INVALID_VALUE,
                f'The body must be like {{"timeout": "30s"}}: {error}.',
                param="timeout",
            ) from None
        return duration_ms(asked.timeout, param="timeout")


def _ended_already(row: LeaseRow) -> RefusedError:
    return RefusedError(
        errors.LEASE_ENDED,
        f"This lease has ended ({_state(row)}); send a turn that asks for a new one.",
    )


def _state(row: LeaseRow) -> str:
    if row.status is LeaseStatus.LIVE and not row.is_live(now_ms()):
        return "expired"
    return row.status


def _document(row: LeaseRow, *, is_verified: bool) -> dict[str, Any]:
    return {
        "id": public_id(row.lease_id),
        "object": "kv_lease",
        "status": _state(row),
        "model": row.model,
        "tokens": row.tokens,
        "bytes": row.bytes,
        "tier": row.tier,
        "created_at": iso(row.granted_at_ms),
        "expires_at": iso(row.expires_at_ms),
        "ended_at": iso(row.ended_at_ms) if row.ended_at_ms else None,
        "verified": is_verified,
    }
