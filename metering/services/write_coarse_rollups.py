"""Keeps what pages sum up in step with the rollups, in the roll-up's transaction."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from metering.coarse_models import METERS, UsageHour
from metering.domain.usage import Meter

_HOUR_DIMENSIONS = ("project_id", "model", "price_version_id", "endpoint")
_DAY_DIMENSIONS = ("project_id", "api_key_id", "model", "price_version_id")
_COLUMNS = ", ".join(METERS)
_KEY = "tenant_id, day_at, project_id, api_key_id, model, price_version_id"
# Sorted, as two roll-ups of hours of one day would otherwise deadlock.
_MOVE = f"""
    INSERT INTO usage_day ({_KEY}, {_COLUMNS})
    SELECT * FROM unnest(
        %s::bigint[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::text[],
        %s::bigint[], {", ".join(["%s::bigint[]"] * len(METERS))}
    ) ORDER BY 1, 2, 3, 4, 5, 6
    ON CONFLICT ({_KEY}) DO UPDATE SET
        {", ".join(f"{one} = usage_day.{one} + EXCLUDED.{one}" for one in METERS)}
"""  # noqa: S608  names of our own columns
_DROP_EMPTY = f"""
    DELETE FROM usage_day WHERE tenant_id = ANY(%s) AND day_at = ANY(%s)
        AND ({_COLUMNS}) = ({", ".join(["0"] * len(METERS))})
"""  # noqa: S608


class _Day(NamedTuple):
    tenant_id: int
    day_at: datetime
    project_id: int
    api_key_id: int
    model: str
    price_version_id: int


class DayChanges:
    """By how much the hours of one transaction move their keys' days."""

    def __init__(self) -> None:
        self._changes: dict[_Day, Counter[str]] = defaultdict(Counter)

    def note(
        self,
        *,
        tenant_id: int,
        hour_at: datetime,
        gone: Iterable[dict[str, Any]],
        come: Iterable[dict[str, Any]],
    ) -> None:
        """`gone` and `come`: rows of the hour's rollups, before and after."""
        day_at = hour_at.replace(hour=0)
        for sign, rows in ((-1, gone), (1, come)):
            for row in rows:
                day = _Day(tenant_id, day_at, *(row[name] for name in _DAY_DIMENSIONS))
                self._changes[day][row["meter"]] += sign * int(row["quantity"])

    def write(self) -> None:
        """At the end of the transaction: nothing may be locked after these rows."""
        moved = {day: by for day, by in self._changes.items() if any(by.values())}
        if not moved:
            return
        sums = [[by[meter] for by in moved.values()] for meter in METERS]
        with connection.cursor() as cursor:
            cursor.execute(_MOVE, [*map(list, zip(*moved, strict=True)), *sums])
            if any(change < 0 for by in moved.values() for change in by.values()):
                tenants = sorted({day.tenant_id for day in moved})
                days = sorted({day.day_at for day in moved})
                cursor.execute(_DROP_EMPTY, [tenants, days])


def replace_usage_hour(
    tenant_id: int, hour_at: datetime, rows: Iterable[dict[str, Any]]
) -> None:
    """`rows`: one for each endpoint, meter and dimension of a rollup; of the time of
    leases, without an endpoint.
    """
    sums: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in rows:
        place = tuple(row.get(name, "") for name in _HOUR_DIMENSIONS)
        sums[place][Meter(row["meter"]).value] += int(row["quantity"])
    UsageHour.objects.filter(tenant_id=tenant_id, hour_at=hour_at).delete()
    UsageHour.objects.bulk_create(
        UsageHour(
            tenant_id=tenant_id,
            hour_at=hour_at,
            **dict(zip(_HOUR_DIMENSIONS, place, strict=True)),
            **by_meter,
        )
        for place, by_meter in sums.items()
    )
