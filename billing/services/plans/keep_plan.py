"""Undo what is planned for a tenant's plan: a change, or its end."""

from datetime import datetime

from django.db import transaction

from billing.domain.event_types import EventType
from billing.models.plans import Subscription
from billing.services.plans.describe_subscription import describe_subscription
from billing.services.plans.end_subscription import clear_planned, lock_subscriptions
from billing.services.rating.mark_months import mark_months
from billing.services.webhooks.emit_event import emit_event
from tenants.services.note_act import note_act


@transaction.atomic
def keep_plan(*, tenant_id: int, now: datetime) -> Subscription:
    """What the tenant is on, open again. Raises NoSubscriptionError."""
    held, _ = lock_subscriptions(tenant_id, now=now)
    if held.ends_at is None:
        return held
    clear_planned(held)
    mark_months(tenant_id, start=now, now=now)
    note_act("plan.kept", tenant_id=tenant_id, about=held, words=held.plan.name)
    emit_event(
        tenant_id=tenant_id,
        type=EventType.SUBSCRIPTION_CHANGED,
        data={**describe_subscription(held), "previous_plan": held.plan.code},
        now=now,
    )
    return held
