"""What a new minute may bring to tenants on plans."""

from datetime import datetime

from billing.services.credit.grant_plan_credit import grant_plan_credit
from billing.services.plans.apply_plans import apply_plans
from billing.services.rating.open_months import open_months


def keep_plans(*, now: datetime) -> None:
    """Each finds its own work; credit comes first, since calls wait for it."""
    grant_plan_credit(now=now)
    apply_plans(now=now)
    open_months(now=now)
