"""Why a tenant's usage of a span may not be invoiced yet."""

from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Min
from django.db.models.functions import TruncDay

from inference.models import Engine
from metering.audit_models import (
    EngineReading,
    ReconciledDay,
    ReconciliationStatement,
)
from metering.models import UsageRollup
from metering.services.describe_statement import describe_statement

DUE_AFTER = timedelta(hours=1)
"""After its end a day is to be judged within this; then it holds up its invoices."""


def find_unreconciled(
    *, tenant_id: int, start: datetime, end: datetime, now: datetime
) -> list[str]:
    """A sentence for each thing that stands against an invoice over [start, end): a
    statement that drifted and was not accepted, or a due day that was not judged.

    Only days on which the tenant used something, since readings began.
    """
    days = _days_used(tenant_id, start, end)
    statements = ReconciliationStatement.objects.filter(day__in=days)
    names = dict(Engine.objects.values_list("pk", "name"))
    drifted = [
        describe_statement(statement, engine_names=names)
        for statement in statements.blocking()
    ]
    return [*drifted, *map(_unjudged, _days_unjudged(days, now=now))]


def _days_used(tenant_id: int, start: datetime, end: datetime) -> list[date]:
    rollups = UsageRollup.objects.of_tenant(tenant_id).between(start, end)
    days = rollups.order_by().annotate(at=TruncDay("hour_at", tzinfo=UTC))
    return sorted({at.date() for at in days.values_list("at", flat=True).distinct()})


def _days_unjudged(days: list[date], *, now: datetime) -> list[date]:
    began_at = EngineReading.objects.aggregate(at=Min("asked_at"))["at"]
    if began_at is None:
        return []
    judged = set(
        ReconciledDay.objects.filter(day__in=days).values_list("day", flat=True)
    )
    return [
        day
        for day in days
        if day >= began_at.astimezone(UTC).date()
        and day not in judged
        and _due_at(day) <= now
    ]


def _due_at(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1) + DUE_AFTER


def _unjudged(day: date) -> str:
    return (
        f"{day} was not compared with the engines' counters yet:"
        f" run `manage.py reconcile --day {day}`."
    )
