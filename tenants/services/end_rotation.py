"""End the overlap of a rotated API key early, or take the rotation back."""

from datetime import datetime

from django.db import transaction

from tenants.errors import ApiKeyNotFoundError, RotationOverError
from tenants.models import ApiKey, Tenant
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies
from tenants.services.revoke_api_key import revoke_api_key


@transaction.atomic
def end_overlap(*, api_key_id: int, tenant: Tenant, now: datetime) -> ApiKey:
    """The old key stops working at once. Raises ApiKeyNotFoundError and
    RotationOverError.
    """
    old = _old_key(api_key_id, tenant, now)
    old.expires_at = now
    old.save(update_fields=["expires_at"])
    note_act(
        "api_key.overlap_ended",
        tenant_id=tenant.pk,
        about=old,
        words=f"{old.name} ({old.prefix}…)",
    )
    transaction.on_commit(publish_key_policies, robust=True)
    return old


@transaction.atomic
def take_rotation_back(*, api_key_id: int, tenant: Tenant, now: datetime) -> ApiKey:
    """The old key works as before, and the new one is revoked. Raises
    ApiKeyNotFoundError and RotationOverError.
    """
    old = _old_key(api_key_id, tenant, now)
    new = old.replaced_by
    # The new one took over what the old one's expiry was.
    old.expires_at = new.expires_at
    old.save(update_fields=["expires_at"])
    new.replaces = None
    new.save(update_fields=["replaces"])
    note_act(
        "api_key.rotation_undone",
        tenant_id=tenant.pk,
        about=old,
        words=f"{old.name}: {old.prefix}… stays in place of {new.prefix}…",
    )
    revoke_api_key(api_key_id=new.pk, tenant=tenant, now=now)
    return old


def _old_key(api_key_id: int, tenant: Tenant, now: datetime) -> ApiKey:
    """Locked, so that of two acts at once one comes too late."""
    rows = ApiKey.objects.select_for_update(no_key=True)
    old = rows.filter(pk=api_key_id, tenant=tenant, replaced_by__isnull=False).first()
    if old is None:
        raise ApiKeyNotFoundError("No key takes the place of this one.")
    if old.revoked_at is not None or (old.expires_at or now) <= now:
        raise RotationOverError("The old key has stopped working already.")
    return old
