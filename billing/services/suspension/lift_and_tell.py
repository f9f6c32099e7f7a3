"""Lift a tenant's suspension, and tell its own systems so."""

from datetime import datetime

from django.db import transaction

from billing.domain.event_types import EventType
from billing.services.webhooks.emit_event import emit_event
from tenants.services.lift_suspension import lift_suspension


@transaction.atomic
def lift_and_tell(*, tenant_id: int, now: datetime) -> bool:
    """True if it was suspended."""
    if not lift_suspension(tenant_id=tenant_id):
        return False
    emit_event(tenant_id=tenant_id, type=EventType.TENANT_UNSUSPENDED, data={}, now=now)
    return True
