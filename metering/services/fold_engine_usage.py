"""Sums up what each engine did in the hours that moved, from their events."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Sum

from metering.audit_models import EngineReading
from metering.domain.lease_intervals import METERS
from metering.domain.usage import Meter, quantities
from metering.engine_usage_models import EngineLoadHour, EngineUsageHour
from metering.lease_models import LeaseInterval
from metering.models import UsageEvent
from metering.services.thin_engine_readings import KEPT_WHOLE

HOURS_MAX = 500
"""In one call."""
READING_SECONDS = 10
"""Of the task `read engines`."""
_HOUR = timedelta(hours=1)
_DIMENSIONS = ("engine_id", "model", "price_version_id")
# As in roll_up_usage: what is read after the mark was taken has all that was committed
# before, and who marks it again meanwhile waits, so that nothing is lost.
_TAKE = """
    WITH taken AS MATERIALIZED (
        SELECT hour_at FROM open_engine_hour
        ORDER BY hour_at DESC LIMIT 1 FOR UPDATE SKIP LOCKED
    )
    DELETE FROM open_engine_hour USING taken
    WHERE open_engine_hour.hour_at = taken.hour_at
    RETURNING open_engine_hour.hour_at
"""


def fold_engine_usage(*, now: datetime, hours_max: int = HOURS_MAX) -> int:
    """How many hours were folded, the newest first. Safe twice and at the same time."""
    hours = 0
    while hours < hours_max and _fold_one(now):
        hours += 1
    return hours


@transaction.atomic
def _fold_one(now: datetime) -> bool:
    """Each hour by itself: no roll-up waits longer than that for its mark."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        cursor.execute(_TAKE)
        taken = cursor.fetchone()
    if taken is None:
        return False
    hour_at = taken[0].astimezone(UTC)
    _replace_usage(hour_at)
    if hour_at > now - KEPT_WHOLE + _HOUR:
        _replace_load(hour_at)  # of earlier ones there are not all readings any more
    return True


def _replace_usage(hour_at: datetime) -> None:
    sums: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in _of_events(hour_at):
        sums[tuple(row[name] for name in _DIMENSIONS)].update(_meters(row))
    for row in _of_leases(hour_at):
        place = tuple(row[name] for name in _DIMENSIONS)
        sums[place][METERS[row["tier"]]] += row["quantity"]
    EngineUsageHour.objects.filter(hour_at=hour_at).delete()
    EngineUsageHour.objects.bulk_create(
        EngineUsageHour(
            hour_at=hour_at, **dict(zip(_DIMENSIONS, place, strict=True)), **by_meter
        )
        for place, by_meter in sums.items()
    )


def _of_events(hour_at: datetime) -> Iterator[dict[str, Any]]:
    events = UsageEvent.objects.between(hour_at, hour_at + _HOUR)
    yield from events.metered().summed(*_DIMENSIONS)


def _meters(sums: dict[str, Any]) -> dict[Meter, int]:
    return quantities(
        requests=sums["request_count"],
        input_tokens=sums["input_sum"],
        cached_input_tokens=sums["cached_input_sum"],
        output_tokens=sums["output_sum"],
        images=sums["image_sum"],
        leased_input_tokens=sums["leased_input_sum"],
        charged_nanos=int(sums["charged_sum"]),
    )


def _of_leases(hour_at: datetime) -> Iterator[dict[str, Any]]:
    intervals = LeaseInterval.objects.between(hour_at, hour_at + _HOUR).charged()
    rows = intervals.order_by().values(*_DIMENSIONS, "tier")
    yield from rows.annotate(quantity=Sum("mb_s"))


def _replace_load(hour_at: datetime) -> None:
    """A reading of several models is one look at the engine."""
    busy = EngineReading.objects.filter(
        asked_at__gte=hour_at, asked_at__lt=hour_at + _HOUR, running_requests__gt=0
    )
    counts = busy.order_by().values_list("epoch__engine_id")
    EngineLoadHour.objects.filter(hour_at=hour_at).delete()
    EngineLoadHour.objects.bulk_create(
        EngineLoadHour(
            hour_at=hour_at,
            engine_id=engine_id,
            busy_seconds=min(3600, readings * READING_SECONDS),
        )
        for engine_id, readings in counts.annotate(n=Count("asked_at", distinct=True))
    )
