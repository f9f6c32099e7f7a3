"""The rollup table and the fold of events, in one shape that can be compared."""

from datetime import UTC, datetime
from typing import Any

from metering.domain.rollup import fold, fold_leases
from metering.lease_models import LeaseInterval
from metering.models import UsageRollup


def rolled_up():
    """{(tenant, project, key, model, price version, hour): {meter: (quantity,
    event count)}} of the whole table.
    """
    found: dict[tuple[Any, ...], dict[str, tuple[int, int]]] = {}
    for row in UsageRollup.objects.all():
        key = (
            *(row.tenant_id, row.project_id, row.api_key_id, row.model),
            *(row.price_version_id, row.hour_at),
        )
        found.setdefault(key, {})[row.meter] = (row.quantity, row.event_count)
    return found


def folded(events):
    """The same of `events`, folded in Python; what shows on no meter has no row."""
    return {
        _key(d): {meter: (n, sums.events) for meter, n in shown.items()}
        for d, sums in fold(events).items()
        if (shown := sums.per_meter())
    }


def folded_with_leases(events):
    """The same of `events` and all lease intervals in the books."""
    found = folded(events)
    for dimension, meters in fold_leases(LeaseInterval.objects.all()).items():
        shown = {meter: row for meter, row in meters.items() if row[0]}
        if shown:
            found.setdefault(_key(dimension), {}).update(shown)
    return found


def _key(d):
    return (
        *(d.tenant_id, d.project_id, d.api_key_id, d.model, d.price_version_id),
        datetime.fromtimestamp(d.hour_us // 1_000_000, UTC),
    )
