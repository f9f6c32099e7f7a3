"""End a tenant's plan without another one."""

from datetime import datetime

from django.db import transaction

from billing.domain.event_types import EventType
from billing.domain.subscriptions import check_start, whole_second
from billing.models.plans import Subscription
from billing.services.plans.describe_subscription import describe_subscription
from billing.services.plans.end_subscription import (
    clear_planned,
    end_subscription,
    lock_subscriptions,
)
from billing.services.rating.mark_months import mark_months
from billing.services.webhooks.emit_event import emit_event
from tenants.services.note_act import note_act


@transaction.atomic
def cancel_subscription(
    *, tenant_id: int, now: datetime, at: datetime | None = None
) -> Subscription:
    """From `at` on the tenant is on no plan; None: from now. What was planned is not.

    It pays list prices then, before or after its calls as it did on the plan. Raises
    NoSubscriptionError, ChangeInThePastError and CommitmentRunsError.
    """
    instant = whole_second(at or now)
    held, planned = lock_subscriptions(tenant_id, now=now)
    if planned is None and held.ends_at == instant:
        return held
    check_start(instant, now=now)
    clear_planned(held)
    told = {**describe_subscription(held), "ends_at": instant}
    end_subscription(held, at=instant)
    mark_months(tenant_id, start=now, now=now)
    words = f"{held.plan.name}, at {instant:%Y-%m-%d}"
    note_act("plan.canceled", tenant_id=tenant_id, about=held, words=words)
    emit_event(
        tenant_id=tenant_id, type=EventType.SUBSCRIPTION_ENDED, data=told, now=now
    )
    return held
