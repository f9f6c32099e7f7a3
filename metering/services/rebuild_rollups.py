"""Makes the rollups of a span again from its usage events."""

from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Max

from metering.models import OpenHour
from metering.services.rebuild_usage_days import rebuild_usage_days
from metering.services.roll_up_usage import roll_up_usage

# The hours that have events or lease intervals, and those that only have rollups: these
# must go.
_OPEN = """
    INSERT INTO open_hour (tenant_id, hour_at, generation)
    SELECT tenant_id, hour_at, 1 FROM (
        SELECT tenant_id, date_trunc('hour', happened_at, 'UTC') AS hour_at
        FROM usage_event
        WHERE happened_at >= %(start)s AND happened_at < %(end)s
        UNION
        SELECT tenant_id, date_trunc('hour', ended_at, 'UTC') FROM lease_interval
        WHERE ended_at >= %(start)s AND ended_at < %(end)s
        UNION
        SELECT tenant_id, hour_at FROM usage_rollup
        WHERE hour_at >= %(start)s AND hour_at < %(end)s
    ) AS hours
    WHERE %(tenant_id)s::bigint IS NULL OR tenant_id = %(tenant_id)s
    ORDER BY 1, 2
    ON CONFLICT (tenant_id, hour_at)
        DO UPDATE SET generation = open_hour.generation + 1
"""
_HOUR = timedelta(hours=1)


def rebuild_rollups(
    *, start: datetime, end: datetime, tenant_id: int | None = None
) -> int:
    """Folds anew each tenant-hour that begins in [start, end), of one tenant or of all;
    returns how many hours were opened for it.

    It opens the hours and lets the roll-up do its work, so it may run at any time. It
    must not cover months whose events were dropped: their rollups would go too.
    """
    hours = _open_hours(
        start=_hour_from(start), end=_hour_from(end), tenant_id=tenant_id
    )
    # Marks that come later are the next roll-up's: under traffic there is always one.
    newest = OpenHour.objects.aggregate(id=Max("id"))["id"] or 0
    while OpenHour.objects.filter(id__lte=newest).exists() and roll_up_usage():
        pass
    rebuild_usage_days(start=start, end=end, tenant_id=tenant_id)
    return hours


def _hour_from(at: datetime) -> datetime:
    """`at`, or else the next whole hour: a rollup has whole hours only."""
    whole = at.replace(minute=0, second=0, microsecond=0)
    return whole if whole == at else whole + _HOUR


def _open_hours(*, start: datetime, end: datetime, tenant_id: int | None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_OPEN, {"start": start, "end": end, "tenant_id": tenant_id})
        return int(cursor.rowcount)
