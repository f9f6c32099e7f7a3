"""Tell the data plane of every API key it may meet."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from tenants.models import ApiKey
from tenants.services.publish_snapshot import publish_snapshot
from tenants.wire import SNAPSHOT_KIND, KeyPolicy, LimitKind, RateLimit, Scope

REMEMBERED_FOR = timedelta(days=30)
"""So long a caller is told that the key was revoked or has expired; then: unknown."""


def publish_key_policies() -> int:
    return publish_snapshot(SNAPSHOT_KIND, lambda: read_key_policies(timezone.now()))


def read_key_policies(now: datetime) -> list[KeyPolicy]:
    rows = published_api_keys(now).select_related("tenant").order_by("id")
    return [_policy(row) for row in rows.iterator(chunk_size=2000)]


def published_api_keys(now: datetime) -> QuerySet[ApiKey]:
    """The keys that a snapshot made at `now` holds."""
    cutoff = now - REMEMBERED_FOR
    return ApiKey.objects.filter(
        Q(revoked_at__isnull=True) | Q(revoked_at__gt=cutoff),
        Q(expires_at__isnull=True) | Q(expires_at__gt=cutoff),
    )


def _policy(row: ApiKey) -> KeyPolicy:
    models = row.allowed_models
    return KeyPolicy(
        api_key_id=row.pk,
        tenant_id=row.tenant_id,
        project_id=row.project_id,
        digest=bytes(row.digest).hex(),
        state="revoked" if row.revoked_at else "active",
        expires_at=row.expires_at.timestamp() if row.expires_at else None,
        allowed_models=None if models is None else tuple(models),
        rate_limits=tuple(_rate_limits(row)),
        spend_limits=(),
        is_prepaid=False,
        are_cached_tokens_limited=False,
        refuses_without_limiter=False,
        cache_salt=row.tenant.cache_salt,
    )


def _rate_limits(row: ApiKey) -> Iterator[RateLimit]:
    for kind, amount in (
        (LimitKind.REQUESTS_PER_MINUTE, row.requests_per_minute),
        (LimitKind.TOKENS_PER_MINUTE, row.tokens_per_minute),
    ):
        if amount is not None:
            yield RateLimit(scope=Scope.KEY, kind=kind, model=None, amount=amount)
