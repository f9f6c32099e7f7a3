"""Put tenants on the terms of plans that were to begin by now."""

import logging
from datetime import datetime

from django.db import DatabaseError, transaction

from billing.domain.subscriptions import whole_second
from billing.models.plans import Subscription
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.plans.apply_subscription import apply_subscription

SUBSCRIPTIONS_MAX = 500
"""In one call."""

_logger = logging.getLogger(__name__)


def apply_plans(*, now: datetime) -> int:
    """How many subscriptions were applied, each in its own transaction.

    One that cannot be applied is logged as an error; the others are all the same.
    """
    due = Subscription.objects.to_apply(now).order_by("starts_at", "pk")
    ids = list(due.values_list("pk", flat=True)[:SUBSCRIPTIONS_MAX])
    return [_is_applied(subscription_id, now) for subscription_id in ids].count(True)


def _is_applied(subscription_id: int, now: datetime) -> bool:
    try:
        return _apply(subscription_id, now)
    except DatabaseError:
        _logger.exception("subscription %s is not applied", subscription_id)
        return False


@transaction.atomic
def _apply(subscription_id: int, now: datetime) -> bool:
    rows = Subscription.objects.to_apply(now).select_related("plan")
    if (found := rows.filter(pk=subscription_id).first()) is None:
        return False
    lock_tenant(found.tenant_id)
    # As it is once nobody else changes the tenant's plan.
    if (subscription := rows.filter(pk=subscription_id).first()) is None:
        return False
    if not rows.held_at(whole_second(now)).filter(pk=subscription_id).exists():
        # It began and ended while nobody looked.
        rows.filter(pk=subscription_id).update(applied_at=now)
        return False
    apply_subscription(subscription, now=now)
    return True
