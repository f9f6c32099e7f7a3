"""Put nobody on a plan any more."""

from datetime import datetime

from billing.models.plans import Plan


def withdraw_plan(plan_id: int, *, now: datetime) -> Plan:
    """Who is on it stays on it. The first time counts. Raises Plan.DoesNotExist."""
    Plan.objects.filter(pk=plan_id, withdrawn_at__isnull=True).update(withdrawn_at=now)
    return Plan.objects.get(pk=plan_id)
