"""Give tenants on free plans the credit of the month."""

import logging
from datetime import datetime

from django.db import DatabaseError
from django.db.models import Exists, OuterRef, Value
from django.db.models.functions import Concat

from billing.domain.credit import CreditKind
from billing.domain.money import nanos
from billing.domain.periods import month_of
from billing.errors import BillingError
from billing.models.credit import CreditGrant
from billing.models.plans import Subscription, SubscriptionQuerySet
from billing.services.credit.grant_credit import grant_credit

GRANTS_MAX = 500
"""In one call."""

_logger = logging.getLogger(__name__)


def grant_plan_credit(*, now: datetime) -> int:
    """How many tenants got it, each in its own transaction; at most GRANTS_MAX.

    One that cannot get it is logged as an error; the others get it all the same.
    """
    due = _without_it(now).select_related("plan", "tenant").order_by("pk")
    return [_is_granted(one, now) for one in due[:GRANTS_MAX]].count(True)


def grant_credit_of(subscription: Subscription, *, now: datetime) -> None:
    """If the plan brings any: whole, once for each plan and calendar month, and until
    that ends. Who leaves the plan and comes back in the same month gets no more.
    """
    plan, month = subscription.plan, month_of(now)
    if plan.credit_cents:
        grant_credit(
            tenant=subscription.tenant,
            amount_nanos=nanos(plan.credit_cents),
            reason=f"{plan.name}, {month.start:%B %Y}",
            idempotency_key=f"plan:{plan.code}{_suffix(now)}",
            now=now,
            kind=CreditKind.PROMOTIONAL,
            expires_at=month.end,
        )


def _suffix(now: datetime) -> str:
    return f":{month_of(now).start:%Y-%m}"


def _without_it(now: datetime) -> SubscriptionQuerySet:
    key = Concat(Value("plan:"), OuterRef("plan__code"), Value(_suffix(now)))
    granted = CreditGrant.objects.filter(
        tenant_id=OuterRef("tenant_id"), idempotency_key=key
    )
    held = Subscription.objects.held_at(now).filter(plan__credit_cents__gt=0)
    return held.filter(~Exists(granted))


def _is_granted(subscription: Subscription, now: datetime) -> bool:
    try:
        grant_credit_of(subscription, now=now)
    except (BillingError, DatabaseError):
        _logger.exception("subscription %s has no credit", subscription.pk)
        return False
    return True
