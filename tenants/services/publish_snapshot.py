"""Hand one kind of state to the data plane, signed and with a higher version."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tenants.domain import snapshot

# Any constant will do, as long as no other advisory lock of this database uses it.
_LOCK_NUMBER = 7_310_021
_LOCK_TIMEOUT_MS = 5_000
_VALKEY_TIMEOUT_SECONDS = 2.0


def publish_snapshot(kind: str, read_items: Callable[[], Sequence[Any]]) -> int:
    """Publishes what `read_items` returns as the snapshot `kind`; returns its version.

    `read_items` reads its rows (msgspec structs of the kind's `wire.py`) under the
    lock. Of two parallel publications the later one therefore has the higher version
    and sees every row that the earlier one saw; a list read before the lock could put
    a revoked key back.

    Call it when no transaction is open (`transaction.on_commit`), else it would tell
    of rows that may still be rolled back. Raises redis.RedisError when Valkey does not
    answer and django.db.OperationalError when the lock is not had in time; the data
    plane then keeps the snapshot it has.
    """
    with transaction.atomic():
        version = _next_version()
        payload = _encode(kind, version, read_items())
        blob = snapshot.sign(payload, secret=settings.SNAPSHOT_KEY)
        _store(kind, version, blob)
    return version


def _next_version() -> int:
    """Takes the lock and draws a number above all drawn before.

    Proxies never go back to a lower version, not even after a restart, since they keep
    the last good copy on disk. The clock (milliseconds) as lower bound keeps a database
    that was made anew or restored from a backup above what its predecessor published.
    One lock serves all kinds, because `setval` of two of them could cross.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, true)", [f"{_LOCK_TIMEOUT_MS}ms"]
        )
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_NUMBER])
        cursor.execute(
            "SELECT setval('tenants_snapshot_version', greatest("
            " nextval('tenants_snapshot_version'),"
            " floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint))"
        )
        (version,) = cursor.fetchone()
    return int(version)


def _encode(kind: str, version: int, items: Sequence[Any]) -> bytes:
    issued_at = timezone.now()
    return msgspec.json.encode(
        {
            "kind": kind,
            "version": version,
            "issued_at": issued_at.timestamp(),
            "expires_at": (issued_at + settings.SNAPSHOT_LIFETIME).timestamp(),
            "items": items,
        }
    )


def _store(kind: str, version: int, blob: bytes) -> None:
    """Blob and version appear together; the proxies poll the version alone."""
    with (
        Redis.from_url(
            settings.VALKEY_URL,
            socket_timeout=_VALKEY_TIMEOUT_SECONDS,
            socket_connect_timeout=_VALKEY_TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), retries=1),
        ) as valkey,
        valkey.pipeline(transaction=True) as pipeline,
    ):
        pipeline.set(snapshot.valkey_key(kind), blob)
        pipeline.set(snapshot.valkey_version_key(kind), version)
        pipeline.execute()
