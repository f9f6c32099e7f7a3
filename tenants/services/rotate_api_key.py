"""Put a new API key in the place of one, which goes on working for a while."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from tenants.errors import (
    ApiKeyNotFoundError,
    ApiKeyNotRotatableError,
    InvalidExpiryError,
)
from tenants.models import ApiKey, Budget, RateLimit, SpendLimit, Tenant, User
from tenants.services.issue_api_key import (
    IssuedKey,
    issue_api_key,
    lock_for_new_secret,
)
from tenants.services.note_act import note_act
from tenants.wire import KeyScope

OVERLAP_MAX = timedelta(days=30)


@transaction.atomic
def rotate_api_key(
    *,
    api_key_id: int,
    tenant: Tenant,
    created_by: User | None,
    overlap: timedelta,
    now: datetime,
) -> IssuedKey:
    """The new key has the old one's name, project, scopes, models, expiry and limits;
    what is spent counts for it from nothing. The old one expires after `overlap`, or
    at its own expiry if that comes first.

    Raises ApiKeyNotFoundError, ApiKeyNotRotatableError, InvalidExpiryError for an
    overlap that is too long, and what `issue_api_key` raises.
    """
    if not timedelta(0) <= overlap <= OVERLAP_MAX:
        raise InvalidExpiryError("The old key works on for 30 days at most.")
    lock_for_new_secret(tenant.pk)
    old = _find(api_key_id, tenant, now)
    issued = issue_api_key(
        project=old.project,
        name=old.name,
        created_by=created_by,
        now=now,
        mode="test" if old.prefix.startswith("tf_test_") else "live",
        expires_at=old.expires_at,
        allowed_models=old.allowed_models,
        scopes=None if old.scopes is None else [KeyScope(one) for one in old.scopes],
        requests_per_minute=None,
        tokens_per_minute=None,
    )
    issued.api_key.replaces = old
    issued.api_key.save(update_fields=["replaces"])
    _copy_limits(old, issued.api_key)
    end = now + overlap
    old.expires_at = end if old.expires_at is None else min(old.expires_at, end)
    old.save(update_fields=["expires_at"])
    note_act(
        "api_key.rotated",
        tenant_id=tenant.pk,
        about=old,
        words=f"{old.name}: {issued.api_key.prefix}… takes the place of {old.prefix}…, "
        f"which works until {old.expires_at:%Y-%m-%d %H:%M} UTC",
    )
    return issued


def _find(api_key_id: int, tenant: Tenant, now: datetime) -> ApiKey:
    rows = ApiKey.objects.select_related("project")
    old = rows.filter(pk=api_key_id, tenant=tenant).first()
    if old is None:
        raise ApiKeyNotFoundError("There is no such key.")
    has_ended = old.revoked_at is not None or (old.expires_at or now) < now
    if has_ended or old.expires_at == now or old.is_of_playground:
        raise ApiKeyNotRotatableError("Only a key that works can be rotated.")
    if ApiKey.objects.filter(replaces=old).exists():
        raise ApiKeyNotRotatableError("Another key takes its place already.")
    return old


def _copy_limits(old: ApiKey, new: ApiKey) -> None:
    models: tuple[Any, ...] = (RateLimit, SpendLimit, Budget)
    for model in models:
        rows = list(model.objects.filter(api_key=old))
        for row in rows:
            row.pk, row.api_key = None, new
        model.objects.bulk_create(rows)
