"""Revoke an API key: it stops working on every proxy within a second."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext

from tenants.errors import ApiKeyNotFoundError
from tenants.models import ApiKey, Tenant
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies

RESTORABLE_FOR = timedelta(minutes=10)
"""A slip of the hand can be taken back; a key that leaked cannot."""


@transaction.atomic
def revoke_api_key(*, api_key_id: int, tenant: Tenant, now: datetime) -> bool:
    """True if this call revoked it, False if it was revoked before: the first time
    stays. Raises ApiKeyNotFoundError, also for a key of another tenant.
    """
    mine = ApiKey.objects.filter(pk=api_key_id, tenant=tenant)
    revoked = mine.filter(revoked_at__isnull=True).update(
        revoked_at=now, restorable_until=now + RESTORABLE_FOR
    )
    if not revoked and not mine.exists():
        raise ApiKeyNotFoundError(gettext("There is no such key."))
    if revoked:
        api_key = mine.get()
        words = f"{api_key.name} ({api_key.prefix}…)"
        note_act("api_key.revoked", tenant_id=tenant.pk, about=api_key, words=words)
    # Also when it was revoked before: whoever asks again may do so because the first
    # publication did not get through. Robust, since the row is revoked either way and
    # the minutely publication repeats what is lost here.
    transaction.on_commit(publish_key_policies, robust=True)
    return bool(revoked)
