"""Tell the data plane of every API key it may meet."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from tenants import wire
from tenants.models import (
    ApiKey,
    Budget,
    OfSubject,
    RateLimit,
    Restriction,
    SpendLimit,
)
from tenants.services.publish_snapshot import publish_snapshot
from tenants.wire import KeyPolicy, KeyScope, LimitKind, Retention, Scope, SpendPeriod

REMEMBERED_FOR = timedelta(days=30)
"""So long a caller is told that the key was revoked or has expired; then: unknown."""


def publish_key_policies() -> int:
    return publish_snapshot(
        wire.SNAPSHOT_KIND, lambda: read_key_policies(timezone.now())
    )


def read_key_policies(now: datetime) -> list[KeyPolicy]:
    """As many queries, however many keys there are."""
    limits = _Limits(now)
    rows = published_api_keys(now).select_related("tenant", "project").order_by("id")
    return [_policy(row, limits) for row in rows.iterator(chunk_size=2000)]


def published_api_keys(now: datetime) -> QuerySet[ApiKey]:
    """The keys that a snapshot made at `now` holds."""
    cutoff = now - REMEMBERED_FOR
    return ApiKey.objects.filter(
        Q(revoked_at__isnull=True) | Q(revoked_at__gt=cutoff),
        Q(expires_at__isnull=True) | Q(expires_at__gt=cutoff),
    )


class _Limits:
    """All limits and price books of all tenants, by whose they are."""

    def __init__(self, now: datetime) -> None:
        self.price_books = _read_price_books(now)
        self.rate: dict[_Subject, list[wire.RateLimit]] = defaultdict(list)
        self.spend: dict[_Subject, list[wire.SpendLimit]] = defaultdict(list)
        for rate_limit in RateLimit.objects.order_by("pk"):
            self.rate[_subject_of(rate_limit)].append(_rate_limit(rate_limit))
        for spend_limit in SpendLimit.objects.order_by("pk"):
            self.spend[_subject_of(spend_limit)].append(_spend_limit(spend_limit))
        # A page shows what a project has spent although the limit is the tenant's, so
        # one limit makes all calls of the tenant count.
        self.counted_tenants = set(
            SpendLimit.objects.values_list("tenant_id")
            .union(Budget.objects.values_list("tenant_id"))
            .values_list("tenant_id", flat=True)
        )


def _read_price_books(now: datetime) -> Mapping[int, tuple[int, ...]]:
    """Of the tenants that pay by others than the list, in the order of search."""
    read: Callable[[datetime], Mapping[int, tuple[int, ...]]]
    read = import_string(settings.PRICE_BOOKS_OF_TENANTS)
    return read(now)


_Subject = tuple[Scope, int]


def _subject_of(row: OfSubject) -> _Subject:
    return row.scope, row.scope_id


def _rate_limit(row: RateLimit) -> wire.RateLimit:
    return wire.RateLimit(
        scope=row.scope, kind=LimitKind(row.kind), model=row.model, amount=row.amount
    )


def _spend_limit(row: SpendLimit) -> wire.SpendLimit:
    return wire.SpendLimit(
        scope=row.scope,
        period=SpendPeriod(row.period),
        amount_nanos=row.amount_nanos,
    )


def _policy(row: ApiKey, limits: _Limits) -> KeyPolicy:
    models, tenant = row.allowed_models, row.tenant
    subjects = (
        (Scope.KEY, row.pk),
        (Scope.PROJECT, row.project_id),
        (Scope.TENANT, tenant.pk),
    )
    return KeyPolicy(
        api_key_id=row.pk,
        tenant_id=tenant.pk,
        project_id=row.project_id,
        digest=bytes(row.digest).hex(),
        state="revoked" if row.revoked_at else "active",
        expires_at=row.expires_at.timestamp() if row.expires_at else None,
        allowed_models=None if models is None else tuple(models),
        scopes=None
        if row.scopes is None
        else tuple(KeyScope(name) for name in row.scopes),
        rate_limits=tuple(
            limit for one in subjects for limit in limits.rate.get(one, ())
        ),
        spend_limits=tuple(
            limit for one in subjects for limit in limits.spend.get(one, ())
        ),
        is_prepaid=tenant.is_prepaid,
        counts_spend=tenant.is_prepaid or tenant.pk in limits.counted_tenants,
        are_cached_tokens_limited=tenant.are_cached_tokens_limited,
        refuses_without_limiter=tenant.refuses_without_limiter,
        cache_salt=tenant.cache_salt,
        retention=_retention(row.project.retention),
        price_books=limits.price_books.get(tenant.pk, ()),
        currency=tenant.currency,
        keeps_texts=row.project.text_retention_days is not None,
        is_suspended=tenant.restriction == Restriction.NO_CALLS,
        is_suspended_by_staff=tenant.suspended_at is not None,
        is_of_playground=row.is_of_playground,
    )


def _retention(retention: Retention) -> Retention | None:
    """None where it says nothing: snapshots are mostly of such projects."""
    says_something = retention.timeout_seconds or retention.honours_cache_hints
    return retention if says_something else None
