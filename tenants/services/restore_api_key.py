"""Take the revocation of an API key back, while that may be done."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from tenants.errors import ApiKeyNotFoundError, ApiKeyNotRestorableError
from tenants.models import ApiKey, Tenant
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies


@transaction.atomic
def restore_api_key(*, api_key_id: int, tenant: Tenant, now: datetime) -> ApiKey:
    """Safe twice: what works already is left as it is.

    Raises ApiKeyNotFoundError, also for a key of another tenant, and
    ApiKeyNotRestorableError.
    """
    mine = ApiKey.objects.filter(pk=api_key_id, tenant=tenant)
    restored = mine.filter(
        revoked_at__isnull=False, restorable_until__gt=now, project__archived_at=None
    ).update(revoked_at=None, restorable_until=None)
    api_key = mine.first()
    if api_key is None:
        raise ApiKeyNotFoundError(gettext("There is no such key."))
    if restored:
        words = f"{api_key.name} ({api_key.prefix}…)"
        note_act("api_key.restored", tenant_id=tenant.pk, about=api_key, words=words)
        transaction.on_commit(publish_key_policies, robust=True)
    elif api_key.revoked_at is not None:
        raise ApiKeyNotRestorableError(
            gettext("Its revocation cannot be taken back any more. Create another key.")
        )
    return api_key
