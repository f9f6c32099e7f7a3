"""Write down that a tenant comes to a plan."""

from datetime import datetime, timedelta

from billing.models.plans import Plan, Subscription
from billing.services.plans.apply_subscription import apply_subscription


def put_on_plan(
    *, tenant_id: int, plan: Plan, starts_at: datetime, now: datetime
) -> Subscription:
    """Open to its end. What begins now is applied now.

    The caller holds the tenant's lock, and has ended what the tenant was on before.
    """
    subscription = Subscription.objects.create(
        tenant_id=tenant_id,
        plan=plan,
        currency=plan.currency,
        starts_at=starts_at,
        trial_ends_at=find_trial_end(tenant_id, plan, starts_at),
        created_at=now,
    )
    if starts_at <= now:
        apply_subscription(subscription, now=now)
    return subscription


def find_trial_end(tenant_id: int, plan: Plan, starts_at: datetime) -> datetime | None:
    """None: the plan has no trial, or the tenant had it."""
    if not plan.trial_days:
        return None
    earlier = Subscription.objects.filter(
        tenant_id=tenant_id,
        plan=plan,
        trial_ends_at__isnull=False,
        starts_at__lt=starts_at,
    )
    return None if earlier.exists() else starts_at + timedelta(days=plan.trial_days)
