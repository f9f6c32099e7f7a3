"""Rows of leases in Valkey, which the proxies write and decide by."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from django.utils.translation import gettext
from redis import RedisError

from inference.domain.lease_row import KEPT_AFTER_MS, LeaseRow, valkey_key
from inference.errors import LeaseNotFoundError, LeasesUnavailableError
from tenants.services.valkey import open_valkey

_REPLACE_IF_UNCHANGED = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class KeptRow:
    row: LeaseRow
    blob: str
    """As it was read: a proxy may have written another one since."""


def milliseconds(moment: datetime) -> int:
    """Since the epoch."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def find_row(*, tenant_id: int, lease_id: UUID) -> KeptRow:
    """Raises LeaseNotFoundError and LeasesUnavailableError."""
    try:
        with open_valkey() as valkey:
            blob = valkey.get(valkey_key(tenant_id, lease_id.hex))
    except RedisError as error:
        raise _away(error) from error
    if not isinstance(blob, str):
        raise LeaseNotFoundError(
            gettext(
                "There is no such lease. Leases are forgotten an hour after they end."
            )
        )
    return KeptRow(row=msgspec.json.decode(blob, type=LeaseRow), blob=blob)


def replace_row(kept: KeptRow, row: LeaseRow, *, now: datetime) -> bool:
    """False: it has changed since it was read, and stays as it is.

    Raises LeasesUnavailableError.
    """
    key = valkey_key(row.tenant_id, row.lease_id)
    new = msgspec.json.encode(row)
    keep_ms = max(1, row.expires_at_ms + KEPT_AFTER_MS - milliseconds(now))
    try:
        with open_valkey() as valkey:
            done = valkey.eval(_REPLACE_IF_UNCHANGED, 1, key, kept.blob, new, keep_ms)
    except RedisError as error:
        raise _away(error) from error
    return bool(done)


def _away(error: RedisError) -> LeasesUnavailableError:
    return LeasesUnavailableError(
        f"Leases cannot be looked up right now ({type(error).__name__}). Try again."
    )
