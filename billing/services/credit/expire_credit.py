"""Let credit expire, of every tenant that has any to lose."""

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction

from billing.models.credit import CreditGrant
from billing.services.credit.expire_grants import expire_grants
from billing.services.ledger.lock_tenant import lock_tenant

_logger = logging.getLogger(__name__)


def expire_credit(*, now: datetime, ended_within: timedelta | None = None) -> int:
    """How many tenants lost some, each in its own transaction.

    `ended_within`: only looks at grants that ended so lately. The others have kept what
    invoices are yet to draw, which changes when these are issued. One tenant that fails
    is logged, and the others go on.
    """
    ended = CreditGrant.objects.filter(expires_at__lte=now)
    if ended_within is not None:
        ended = ended.filter(expires_at__gt=now - ended_within)
    left = ended.with_remaining().filter(remaining__gt=0).order_by("tenant_id")
    ids = list(left.values_list("tenant_id", flat=True).distinct())
    return sum(_has_expired(tenant_id, now) for tenant_id in ids)


def _has_expired(tenant_id: int, now: datetime) -> bool:
    try:
        with transaction.atomic():
            lock_tenant(tenant_id)
            return expire_grants(tenant_id, now=now) > 0
    except DatabaseError:
        _logger.exception("the credit of tenant %s does not expire", tenant_id)
        return False
