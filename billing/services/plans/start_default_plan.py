"""Put a new tenant on the plan that settings.DEFAULT_PLAN names."""

from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext

from billing.errors import UnknownPlanError
from billing.models.plans import Plan
from billing.services.plans.start_subscription import start_subscription
from tenants.models import Tenant


def start_default_plan(tenant: Tenant, now: datetime) -> None:
    """In the transaction that opens the tenant: on a free plan not one call is made
    without its limits. None: no plan is the default. Of several codes (with commas) it
    is the first that is in the tenant's currency.

    Raises UnknownPlanError, since a tenant on no plan pays after its calls, and
    PlanWithdrawnError.
    """
    codes = settings.DEFAULT_PLAN.split(",") if settings.DEFAULT_PLAN else []
    if not codes:
        return
    plans = Plan.objects.filter(code__in=codes, currency=tenant.currency)
    plan = min(plans, key=lambda one: codes.index(one.code), default=None)
    if plan is None:
        raise UnknownPlanError(
            gettext("There is no plan %(DEFAULT_PLAN)s in %(currency)s.")
            % {"DEFAULT_PLAN": repr(settings.DEFAULT_PLAN), "currency": tenant.currency}
        )
    start_subscription(tenant_id=tenant.pk, plan=plan, now=now)
