"""Have one plan to begin with."""

from datetime import datetime

from django.conf import settings

from billing.models.plans import Plan, PlanKind

CODE = "pay_as_you_go"


def make_default_plan(*, now: datetime) -> Plan:
    """Pay as you go, in settings.DEFAULT_CURRENCY at list prices and without a price of
    its own; as it is if there is one already.
    """
    plan, _ = Plan.objects.get_or_create(
        code=CODE,
        defaults={
            "name": "Pay as you go",
            "description": "What you use, at the prices of the list.",
            "kind": PlanKind.PAY_AS_YOU_GO,
            "currency": settings.DEFAULT_CURRENCY,
            "created_at": now,
        },
    )
    return plan
