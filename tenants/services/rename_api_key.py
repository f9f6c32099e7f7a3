"""Give an API key another name; nothing but pages shows it."""

from django.db import transaction
from django.utils.translation import gettext

from tenants.errors import ApiKeyNotFoundError
from tenants.models import ApiKey, Tenant
from tenants.services.issue_api_key import checked_key_name
from tenants.services.note_act import note_act


@transaction.atomic
def rename_api_key(*, api_key_id: int, tenant: Tenant, name: str) -> None:
    """Raises ApiKeyNotFoundError and InvalidNameError."""
    cleaned = checked_key_name(name)
    mine = ApiKey.objects.filter(pk=api_key_id, tenant=tenant)
    if not mine.update(name=cleaned):
        raise ApiKeyNotFoundError(gettext("There is no such key."))
    note_act("api_key.renamed", tenant_id=tenant.pk, about=mine.get(), words=cleaned)
