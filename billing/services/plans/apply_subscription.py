"""Put a tenant on the terms of a plan that begins."""

from datetime import datetime

from billing.models.plans import Subscription
from billing.services.credit.grant_plan_credit import grant_credit_of
from tenants.models import Tenant
from tenants.services.set_terms import set_terms


def apply_subscription(subscription: Subscription, *, now: datetime) -> None:
    """Whether it pays before or after is the plan's, and so is the first credit; the
    data plane is told at commit.

    The end of a subscription changes nothing of this: whoever had to pay before it
    called still has to. The caller holds the tenant's lock.
    """
    tenant = Tenant.objects.get(pk=subscription.tenant_id)
    set_terms(
        tenant_id=tenant.pk,
        is_prepaid=subscription.plan.is_prepaid,
        are_cached_tokens_limited=tenant.are_cached_tokens_limited,
        refuses_without_limiter=tenant.refuses_without_limiter,
    )
    grant_credit_of(subscription, now=now)
    subscription.applied_at = now
    subscription.save(update_fields=["applied_at"])
