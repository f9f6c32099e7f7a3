"""Plans and coupons for tests."""

import json
from itertools import count
from typing import Any

from billing.models.plans import Coupon, Plan, PlanAllowance, PlanKind, Subscription
from billing.models.webhooks import WebhookMessage
from billing.services.rating.rate_usage import rate_usage
from tenants.models import Tenant
from tests.billing.usage import NOVEMBER, draft_of

_numbers = count(1)


def make_plan(*, allowances=(), **fields) -> Plan:
    """Of 30 USD a month unless `fields` says otherwise; `allowances` are (model, meter,
    quantity).
    """
    number = next(_numbers)
    plan = Plan.objects.create(
        **{
            "code": f"plan-{number}",
            "name": f"Plan {number}",
            "kind": PlanKind.SUBSCRIPTION,
            "price_cents": 30_00,
            "created_at": NOVEMBER,
            **fields,
        }
    )
    for model, meter, quantity in allowances:
        PlanAllowance.objects.create(
            plan=plan, model=model, meter=meter, quantity=quantity
        )
    return plan


def make_coupon(**fields) -> Coupon:
    """Of 10 % unless `fields` says otherwise."""
    number = next(_numbers)
    if "amount_cents" not in fields:
        fields.setdefault("percent_basis_points", 1_000)
    return Coupon.objects.create(
        **{
            "code": f"CODE{number}",
            "name": f"Coupon {number}",
            "created_at": NOVEMBER,
            **fields,
        }
    )


def plans_of(tenant: Tenant) -> list[tuple[str, str, str]]:
    """(code, begin, end), in the order of time."""
    rows = Subscription.objects.filter(tenant=tenant).order_by("starts_at")
    return [
        (
            row.plan.code,
            f"{row.starts_at:%m-%d %H:%M:%S}",
            f"{row.ends_at:%m-%d %H:%M:%S}" if row.ends_at else "",
        )
        for row in rows.select_related("plan")
    ]


def drawn(tenant: Tenant, *, now) -> list[tuple[str, int, int]]:
    """(key, quantity, nanos) of November's draft, once it is rated."""
    rate_usage(now=now)
    lines = draft_of(tenant).lines.in_order()
    return list(lines.values_list("key", "quantity", "amount_nanos"))


def told(tenant: Tenant) -> list[tuple[str, dict[str, Any]]]:
    """(type, data) of what the tenant's endpoints are sent, in order."""
    messages = WebhookMessage.objects.filter(tenant=tenant).order_by("pk")
    found = [json.loads(message.payload) for message in messages]
    return [(one["type"], one["data"]) for one in found]
