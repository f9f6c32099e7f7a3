"""Give a tenant another name; its slug stays."""

from django.db import transaction
from django.utils.translation import gettext

from tenants.domain.names import NAME_CHARACTERS_MAX, clean_name
from tenants.errors import InvalidNameError
from tenants.models import Tenant
from tenants.services.note_act import note_act


@transaction.atomic
def rename_tenant(tenant: Tenant, name: str) -> bool:
    """True if it changed anything. Raises InvalidNameError."""
    cleaned = clean_name(name)
    if cleaned is None:
        raise InvalidNameError(
            gettext(
                "A tenant's name has 1 to %(NAME_CHARACTERS_MAX)s printable characters."
            )
            % {"NAME_CHARACTERS_MAX": NAME_CHARACTERS_MAX}
        )
    mine = Tenant.objects.filter(pk=tenant.pk).exclude(name=cleaned)
    if not mine.update(name=cleaned):
        return False
    words = f"from {tenant.name} to {cleaned}"
    note_act("tenant.renamed", tenant_id=tenant.pk, about=tenant, words=words)
    return True
