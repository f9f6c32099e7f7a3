"""Rate every month whose usage changed."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError

from billing.errors import BillingError
from billing.models.rating import BillingPeriod
from billing.services.rating.rate_period import rate_period

PERIODS_MAX = 500
"""Tenant-months in one call."""
RETRY_AFTER = timedelta(minutes=1)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RatingReport:
    rated: int
    refused: int
    """Tenant-months whose `problem` says why; tried again after RETRY_AFTER."""


def rate_usage(*, now: datetime) -> RatingReport:
    """At most PERIODS_MAX tenant-months, each in its own transaction.

    One that cannot be rated is logged as an error and kept with its reason, and the
    others are rated all the same.
    """
    due = BillingPeriod.objects.to_rate(now).values_list("pk", flat=True)
    outcomes = [_is_rated(period_id, now) for period_id in due[:PERIODS_MAX]]
    return RatingReport(rated=outcomes.count(True), refused=outcomes.count(False))


def _is_rated(period_id: int, now: datetime) -> bool:
    try:
        rate_period(period_id, now=now)
    except (BillingError, DatabaseError) as error:
        _put_off(period_id, str(error), now)
        return False
    return True


def _put_off(period_id: int, problem: str, now: datetime) -> None:
    _logger.error("billing period %s is not rated: %s", period_id, problem)
    BillingPeriod.objects.filter(pk=period_id).update(
        problem=problem, rate_after=now + RETRY_AFTER
    )
