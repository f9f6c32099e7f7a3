"""Live leases in Valkey, where every proxy finds them: one row each, until an hour
after its end. Only calls that name a lease ask for it.
"""

import time

import msgspec

from inference.domain.lease_row import KEPT_AFTER_MS, LeaseRow, valkey_key
from metering.proxy.valkey import Valkey, ValkeyUnavailableError

_decode = msgspec.json.Decoder(LeaseRow).decode
_encode = msgspec.json.Encoder().encode


class LeaseRows:
    def __init__(self, valkey: Valkey) -> None:
        self._valkey = valkey

    async def read(self, *, tenant_id: int, lease_id: str) -> LeaseRow | None:
        """Raises ValkeyUnavailableError."""
        blob = await self._valkey.ask("GET", valkey_key(tenant_id, lease_id))
        return _decode(blob) if isinstance(blob, bytes) else None

    async def write(self, row: LeaseRow) -> bool:
        """Whether other proxies will find it."""
        keep_ms = row.expires_at_ms + KEPT_AFTER_MS - time.time_ns() // 1_000_000
        key = valkey_key(row.tenant_id, row.lease_id)
        try:
            await self._valkey.ask("SET", key, _encode(row), "PX", max(1, keep_ms))
        except ValkeyUnavailableError:
            return False
        return True
