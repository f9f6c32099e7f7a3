"""Staff let a suspended tenant call again."""

from django.db import transaction

from tenants.models import Tenant
from tenants.services.note_act import note_act
from tenants.services.publish_key_policies import publish_key_policies


@transaction.atomic
def lift_suspension(*, tenant_id: int) -> bool:
    """True if it was suspended; then the data plane is told at commit. Where invoices
    are overdue, calls stay refused for that.
    """
    suspended = Tenant.objects.filter(pk=tenant_id).exclude(suspended_at=None)
    changed = suspended.update(suspended_at=None, suspension_reason="")
    if changed:
        note_act(
            "tenant.suspension_lifted",
            tenant_id=tenant_id,
            about=Tenant(pk=tenant_id),
            words="calls are answered again",
        )
        transaction.on_commit(publish_key_policies, robust=True)
    return bool(changed)
