"""Suspend a tenant, and tell its own systems so."""

from datetime import datetime

from django.db import transaction

from billing.domain.event_types import EventType
from billing.services.webhooks.emit_event import emit_event
from tenants.models import Tenant
from tenants.services.suspend_tenant import suspend_tenant


@transaction.atomic
def suspend_and_tell(*, tenant_id: int, reason: str, now: datetime) -> bool:
    """True if it was not suspended. Messages are sent to a suspended tenant too: they
    are how its systems learn why calls are refused.

    Raises SuspensionReasonError.
    """
    if not suspend_tenant(tenant_id=tenant_id, reason=reason, now=now):
        return False
    tenant = Tenant.objects.get(pk=tenant_id)
    emit_event(
        tenant_id=tenant_id,
        type=EventType.TENANT_SUSPENDED,
        data={"reason": tenant.suspension_reason},
        now=now,
    )
    return True
