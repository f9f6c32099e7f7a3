"""Put a tenant that is on a plan on another one."""

from datetime import datetime

from django.db import transaction

from billing.domain.event_types import EventType
from billing.domain.subscriptions import check_start, whole_second
from billing.models.plans import Plan, Subscription
from billing.services.plans.describe_subscription import describe_subscription
from billing.services.plans.end_subscription import (
    clear_planned,
    end_subscription,
    lock_subscriptions,
)
from billing.services.plans.put_on_plan import put_on_plan
from billing.services.plans.start_subscription import check_offered
from billing.services.rating.mark_months import mark_months
from billing.services.webhooks.emit_event import emit_event
from tenants.services.note_act import note_act


@transaction.atomic
def change_plan(
    *, tenant_id: int, plan: Plan, now: datetime, at: datetime | None = None
) -> Subscription:
    """From `at` on, to the second; None: from now. Each plan is then paid for the
    seconds that it was held. Instead of what was planned before.

    To ask for the plan that it is on keeps that, and undoes what was planned. Returns
    the subscription to `plan`. Raises NoSubscriptionError, PlanWithdrawnError,
    OtherCurrencyError, ChangeInThePastError and CommitmentRunsError.
    """
    instant = whole_second(at or now)
    held, planned = lock_subscriptions(tenant_id, now=now)
    if held.plan_id == plan.pk and held.starts_at <= instant:
        if held.ends_at is None:
            return held
        clear_planned(held)
        changed = held
    else:
        if planned and (planned.plan_id, planned.starts_at) == (plan.pk, instant):
            return planned
        check_start(instant, now=now)
        check_offered(plan, tenant_id=tenant_id, now=now)
        clear_planned(held)
        end_subscription(held, at=instant)
        changed = put_on_plan(
            tenant_id=tenant_id, plan=plan, starts_at=instant, now=now
        )
    mark_months(tenant_id, start=now, now=now)
    words = f"from {held.plan.name} to {plan.name}, {instant:%Y-%m-%d}"
    note_act("plan.changed", tenant_id=tenant_id, about=changed, words=words)
    emit_event(
        tenant_id=tenant_id,
        type=EventType.SUBSCRIPTION_CHANGED,
        data={**describe_subscription(changed), "previous_plan": held.plan.code},
        now=now,
    )
    return changed
