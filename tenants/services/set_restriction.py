"""Set what a tenant may no longer do because it has not paid."""

from django.db import transaction

from tenants.models import Restriction, Tenant
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies


@transaction.atomic
def set_restriction(*, tenant_id: int, restriction: Restriction) -> bool:
    """True if it changed anything, and then the data plane is told at commit."""
    changed = (
        Tenant.objects.filter(pk=tenant_id)
        .exclude(restriction=restriction)
        .update(restriction=restriction)
    )
    if changed:
        note_act(
            "tenant.restricted",
            tenant_id=tenant_id,
            about=Tenant(pk=tenant_id),
            words=restriction.value,
        )
        transaction.on_commit(publish_key_policies, robust=True)
    return bool(changed)
