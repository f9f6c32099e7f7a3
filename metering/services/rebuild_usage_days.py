"""Makes the days of keys again from the rollups."""

from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from metering.coarse_models import METERS

# The lock waits for the roll-ups that wrote a day, and holds up those that will: one
# that comes after adds its change to what was read here without it.
_LOCK = "LOCK TABLE usage_day IN SHARE ROW EXCLUSIVE MODE"
_SPAN = (
    "{0} >= %(start)s AND {0} < %(end)s"
    " AND (%(tenant_id)s::bigint IS NULL OR tenant_id = %(tenant_id)s)"
)
_DROP = f"DELETE FROM usage_day WHERE {_SPAN.format('day_at')}"  # noqa: S608  our own columns
_SUMS = ", ".join(
    f"coalesce(sum(quantity) FILTER (WHERE meter = '{meter}'), 0)" for meter in METERS
)
_FILL = f"""
    INSERT INTO usage_day (tenant_id, day_at, project_id, api_key_id, model,
        price_version_id, {", ".join(METERS)})
    SELECT tenant_id, date_trunc('day', hour_at, 'UTC'), project_id, api_key_id, model,
        price_version_id, {_SUMS}
    FROM usage_rollup WHERE {_SPAN.format("hour_at")}
    GROUP BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608
_DAY = timedelta(days=1)


@transaction.atomic
def rebuild_usage_days(
    *, start: datetime, end: datetime, tenant_id: int | None = None
) -> None:
    """The UTC days that [start, end) touches, of one tenant or of all."""
    last = _midnight(end - timedelta(microseconds=1))
    span = {
        "start": _midnight(start),
        "end": last + _DAY,
        "tenant_id": tenant_id,
    }
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        cursor.execute(_LOCK)
        cursor.execute(_DROP, span)
        cursor.execute(_FILL, span)


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
