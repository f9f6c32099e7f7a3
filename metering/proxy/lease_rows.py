"""Live leases in Valkey, where every proxy finds them: one row each, until an hour
after its end. Only calls that name a lease ask for it.
"""

import enum
import time

import msgspec

from inference.domain.lease_terms import Tier
from metering.proxy.valkey import Valkey, ValkeyUnavailableError

_FORGOTTEN_AFTER_MS = 3_600_000
"""After the end: as long as an engine can tell where a late turn diverged."""


class LeaseState(enum.StrEnum):
    """What the platform knows; a live lease past its time has expired."""

    LIVE = "live"
    REUSED = "reused"
    RELEASED = "released"
    LOST = "lost"


class LeaseRow(msgspec.Struct, frozen=True, kw_only=True):
    lease_id: str
    tenant_id: int
    project_id: int
    model: str
    engine_id: int
    epoch: str
    """Of the engine: in another one nothing of it is left."""
    tokens: int
    bytes: int
    last_hash: str
    tier: Tier
    granted_at_ms: int
    expires_at_ms: int
    """Milliseconds since the epoch, by the proxy's clock: until when it was sold."""
    state: LeaseState = LeaseState.LIVE
    ended_at_ms: int = 0

    def is_live(self, at_ms: int) -> bool:
        return self.state is LeaseState.LIVE and at_ms <= self.expires_at_ms

    def ended(self, state: LeaseState, *, at_ms: int) -> "LeaseRow":
        return msgspec.structs.replace(self, state=state, ended_at_ms=at_ms)


_decode = msgspec.json.Decoder(LeaseRow).decode
_encode = msgspec.json.Encoder().encode


class LeaseRows:
    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey

    async def read(self, *, tenant_id: int, lease_id: str) -> LeaseRow | None:
        """Raises ValkeyUnavailableError."""
        blob = await self._valkey.ask("GET", _key(tenant_id, lease_id))
        return _decode(blob) if isinstance(blob, bytes) else None

    async def write(self, row: LeaseRow) -> bool:
        """Whether other proxies will find it."""
        keep_ms = row.expires_at_ms + _FORGOTTEN_AFTER_MS - time.time_ns() // 1_000_000
        key = _key(row.tenant_id, row.lease_id)
        try:
            await self._valkey.ask("SET", key, _encode(row), "PX", max(1, keep_ms))
        except ValkeyUnavailableError:
            return False
        return True


def _key(tenant_id: int, lease_id: str) -> str:
    return f"tokenfab:lease:{{{tenant_id}}}:{lease_id}"
