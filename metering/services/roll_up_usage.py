"""Folds the usage events and lease intervals of open hours into their rollups."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Sum

from metering.domain.lease_intervals import METERS
from metering.domain.usage import quantities
from metering.lease_models import LeaseInterval, LeaseIntervalQuerySet
from metering.models import UsageEvent, UsageRollup
from metering.services.write_coarse_rollups import DayChanges, replace_usage_hour
from tenants.services.note_api_key_use import note_api_key_use

BATCH_HOURS = 50
"""Tenant-hours in one transaction: how long the shipper may wait for a mark."""
HOURS_MAX = 1000
_DIMENSIONS = ("project_id", "api_key_id", "model", "price_version_id")
_SUMMED = (
    "events",
    "request_count",
    "input_sum",
    "cached_input_sum",
    "leased_input_sum",
    "output_sum",
    "image_sum",
    "charged_sum",
)
_HOUR = timedelta(hours=1)
# READ COMMITTED is what makes this right: the events are read by a later statement,
# which sees all that was committed before the marks were taken. A shipper that comes
# between waits at its mark until we commit, and then opens the hour again.
#
# MATERIALIZED and not IN (SELECT …): a plan may run that once per row, and each time
# it passes over the rows already taken and finds others, so that LIMIT bounds nothing.
_TAKE_OPEN_HOURS = """
    WITH taken AS MATERIALIZED (
        SELECT id FROM open_hour ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    )
    DELETE FROM open_hour USING taken WHERE open_hour.id = taken.id
    RETURNING tenant_id, hour_at
"""


# Sorted, as two roll-ups that wait for each other's marks would otherwise deadlock.
_MARK_UNSEALED = """
    INSERT INTO unsealed_hour (tenant_id, hour_at, generation)
    SELECT tenant_id, hour_at, 1
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS folded (tenant_id, hour_at)
    ORDER BY 1, 2
    ON CONFLICT (tenant_id, hour_at)
        DO UPDATE SET generation = unsealed_hour.generation + 1
"""
_MARK_OF_ENGINES = """
    INSERT INTO open_engine_hour (hour_at, generation)
    SELECT hour_at, 1 FROM unnest(%s::timestamptz[]) AS folded (hour_at) ORDER BY 1
    ON CONFLICT (hour_at) DO UPDATE SET generation = open_engine_hour.generation + 1
"""


def roll_up_usage(*, hours_max: int = HOURS_MAX) -> int:
    """Replaces the rollups of open tenant-hours; returns how many there were.

    Safe twice and at the same time: an hour is taken by one roll-up only, and its
    rollups always become what its events say. At most `hours_max` per call, oldest
    mark first; 0 says that nothing was open.
    """
    hours = 0
    while hours < hours_max:
        folded = _roll_up_batch(min(BATCH_HOURS, hours_max - hours))
        if not folded:
            break
        hours += folded
    return hours


@transaction.atomic
def _roll_up_batch(hours_max: int) -> int:
    last_used: dict[int, datetime] = {}
    changes = DayChanges()
    open_hours = _take_open_hours(hours_max)
    for tenant_id, hour_at in open_hours:
        _replace_rollups(tenant_id, hour_at, last_used, changes)
    note_api_key_use(last_used)
    _mark_unsealed(open_hours)
    _mark_of_engines(open_hours)
    changes.write()
    return len(open_hours)


def _mark_unsealed(hours: list[tuple[int, datetime]]) -> None:
    """What they hold may have no receipt yet."""
    if hours:
        tenants, starts = zip(*hours, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_MARK_UNSEALED, [list(tenants), list(starts)])


def _mark_of_engines(hours: list[tuple[int, datetime]]) -> None:
    """What engines did in them is to be summed up anew."""
    if hours:
        with connection.cursor() as cursor:
            cursor.execute(_MARK_OF_ENGINES, [sorted({at for _, at in hours})])


def _take_open_hours(limit: int) -> list[tuple[int, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '10s'")
        cursor.execute(_TAKE_OPEN_HOURS, [limit])
        # Who listens to the rollups may lock a row per tenant and month until we
        # commit (billing does). Two roll-ups that came to these in different orders
        # would deadlock.
        return sorted((tenant, hour_at.astimezone(UTC)) for tenant, hour_at in cursor)


def _replace_rollups(
    tenant_id: int,
    hour_at: datetime,
    last_used: dict[int, datetime],
    changes: DayChanges,
) -> None:
    """Also notes in `last_used`, by API key, the latest event of the hour."""
    events = UsageEvent.objects.of_tenant(tenant_id).between(hour_at, hour_at + _HOUR)
    per_endpoint = list(events.metered().summed(*_DIMENSIONS, "endpoint"))
    sums = _without_endpoint(per_endpoint)
    intervals = LeaseInterval.objects.of_tenant(tenant_id)
    leases = intervals.charged().between(hour_at, hour_at + _HOUR)
    of_leases = list(_lease_rows(leases))
    rows = [*chain.from_iterable(map(_rows, sums)), *of_leases]
    before = UsageRollup.objects.filter(tenant_id=tenant_id, hour_at=hour_at)
    gone = list(before.values(*_DIMENSIONS, "meter", "quantity"))
    changes.note(tenant_id=tenant_id, hour_at=hour_at, gone=gone, come=rows)
    before.delete()
    UsageRollup.objects.bulk_create(
        UsageRollup(tenant_id=tenant_id, hour_at=hour_at, **row) for row in rows
    )
    of_endpoints = (
        {**row, "endpoint": one["endpoint"]}
        for one in per_endpoint
        for row in _rows(one)
    )
    replace_usage_hour(tenant_id, hour_at, chain(of_endpoints, of_leases))
    for of_dimension in sums:
        _note_last_use(of_dimension, last_used)


def _without_endpoint(per_endpoint: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The endpoints of a dimension added up."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in per_endpoint:
        place = tuple(row[name] for name in _DIMENSIONS)
        if place not in found:
            found[place] = {**row}
            continue
        together = found[place]
        together["last_at"] = max(together["last_at"], row["last_at"])
        for name in _SUMMED:
            together[name] += row[name]
    return list(found.values())


def _rows(sums: dict[str, Any]) -> Iterator[dict[str, Any]]:
    per_meter = quantities(
        requests=sums["request_count"],
        input_tokens=sums["input_sum"],
        cached_input_tokens=sums["cached_input_sum"],
        output_tokens=sums["output_sum"],
        images=sums["image_sum"],
        leased_input_tokens=sums["leased_input_sum"],
        charged_nanos=int(sums["charged_sum"]),
    )
    dimension = {name: sums[name] for name in _DIMENSIONS}
    for meter, quantity in per_meter.items():
        yield {
            **dimension,
            "meter": meter,
            "quantity": quantity,
            "event_count": sums["events"],
        }


def _lease_rows(leases: LeaseIntervalQuerySet) -> Iterator[dict[str, Any]]:
    sums = leases.order_by().values(*_DIMENSIONS, "tier")
    for row in sums.annotate(quantity=Sum("mb_s"), event_count=Count("*")):
        meter = METERS[row.pop("tier")]
        if row["quantity"]:
            yield {**row, "meter": meter}


def _note_last_use(sums: dict[str, Any], last_used: dict[int, datetime]) -> None:
    key, last_at = sums["api_key_id"], sums["last_at"]
    last_used[key] = max(last_at, last_used.get(key, last_at))
