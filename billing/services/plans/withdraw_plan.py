"""Put nobody on a plan any more."""

from datetime import datetime

from django.db import transaction

from billing.models.plans import Plan
from tenants.services.note_staff_act import note_staff_act


@transaction.atomic
def withdraw_plan(plan_id: int, *, now: datetime) -> Plan:
    """Who is on it stays on it. The first time counts. Raises Plan.DoesNotExist."""
    offered = Plan.objects.filter(pk=plan_id, withdrawn_at__isnull=True)
    is_withdrawn = offered.update(withdrawn_at=now)
    plan = Plan.objects.get(pk=plan_id)
    if is_withdrawn:
        note_staff_act("plan.withdrawn", about=plan, words=f"{plan.code}: {plan.name}")
    return plan
