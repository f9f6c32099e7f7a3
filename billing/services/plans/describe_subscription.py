"""A subscription as tenants' systems are told of it."""

from typing import Any

from billing.models.plans import Subscription


def describe_subscription(subscription: Subscription) -> dict[str, Any]:
    return {
        "subscription_id": subscription.pk,
        "plan": subscription.plan.code,
        "plan_name": subscription.plan.name,
        "starts_at": subscription.starts_at,
        "ends_at": subscription.ends_at,
        "trial_ends_at": subscription.trial_ends_at,
    }
