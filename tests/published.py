"""What the data plane would believe now."""

import redis
from django.conf import settings

from tenants.domain import snapshot
from tenants.domain.snapshot import Snapshot


def published(valkey: redis.Redis, kind: str) -> Snapshot | None:
    """The verified snapshot of `kind`; None: nothing was published."""
    blob = valkey.get(snapshot.valkey_key(kind))
    if blob is None:
        return None
    found = snapshot.verify(blob, kind=kind, secret=settings.SNAPSHOT_KEY)
    assert int(valkey.get(snapshot.valkey_version_key(kind))) == found.version
    return found
