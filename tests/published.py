"""What the data plane would believe now."""

from typing import Any

import redis
from django.conf import settings

from tenants.domain import snapshot
from tenants.domain.snapshot import Snapshot


def is_published(valkey: redis.Redis, kind: str) -> bool:
    return bool(valkey.exists(snapshot.valkey_key(kind)))


def published(valkey: redis.Redis, kind: str) -> Snapshot[Any]:
    """The verified snapshot of `kind`; fails when nothing was published."""
    blob: Any = valkey.get(snapshot.valkey_key(kind))
    assert blob is not None, f"no snapshot of {kind} was published"
    version: Any = valkey.get(snapshot.valkey_version_key(kind))
    found = snapshot.verify(blob, kind=kind, secret=settings.SNAPSHOT_KEY)
    assert int(version) == found.version
    return found
