"""Every day that has something left to judge."""

import logging
from datetime import UTC, date, datetime, timedelta

from django.db.models import Min

from metering.audit_models import (
    EngineReading,
    ReconciledDay,
    ReconciliationStatement,
)
from metering.services.reconcile_engines import JournalUnknownError, reconcile_engines

logger = logging.getLogger(__name__)

DAYS_BACK_MAX = 35
"""Late events (a repaired journal) change old days too; a month is invoiced by then."""


def reconcile_due(*, now: datetime) -> list[date]:
    """Judges, in order, the days that were not judged to their end, those that drifted,
    yesterday and today; returns them.
    """
    days = _days(now)
    try:
        for day in days:
            reconcile_engines(day, now=now)
    except JournalUnknownError as error:
        logger.warning("usage is not reconciled: %s", error)
        return []
    return days


def _days(now: datetime) -> list[date]:
    began_at = EngineReading.objects.aggregate(at=Min("asked_at"))["at"]
    if began_at is None:
        return []
    today = now.astimezone(UTC).date()
    first = max(began_at.astimezone(UTC).date(), today - timedelta(days=DAYS_BACK_MAX))
    judged = set(ReconciledDay.objects.values_list("day", flat=True))
    drifted = {
        statement.day
        for statement in ReconciliationStatement.objects.filter(
            day__gte=first
        ).blocking()
    }
    recent = {today, today - timedelta(days=1)}
    all_days = (first + timedelta(days=n) for n in range((today - first).days + 1))
    return [d for d in all_days if d not in judged or d in drifted or d in recent]
