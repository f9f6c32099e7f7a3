"""Put a new tenant on the plan that settings.DEFAULT_PLAN names."""

from datetime import datetime

from django.conf import settings

from billing.errors import UnknownPlanError
from billing.models.plans import Plan
from billing.services.plans.start_subscription import start_subscription
from tenants.models import Tenant


def start_default_plan(tenant: Tenant, now: datetime) -> None:
    """In the transaction that opens the tenant: on a free plan not one call is made
    without its limits. None: no plan is the default.

    Raises UnknownPlanError, since a tenant on no plan pays after its calls, and
    PlanWithdrawnError.
    """
    if not settings.DEFAULT_PLAN:
        return
    plan = Plan.objects.filter(code=settings.DEFAULT_PLAN).first()
    if plan is None:
        raise UnknownPlanError(f"There is no plan {settings.DEFAULT_PLAN!r}.")
    start_subscription(tenant_id=tenant.pk, plan=plan, now=now)
