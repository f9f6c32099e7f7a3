"""The rollup table and the fold of events, in one shape that can be compared."""

from datetime import UTC, datetime
from typing import Any

from metering.domain.rollup import fold
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
    """The same of `events`, folded in Python."""
    return {
        (
            *(d.tenant_id, d.project_id, d.api_key_id, d.model, d.price_version_id),
            datetime.fromtimestamp(d.hour_us // 1_000_000, UTC),
        ): {meter: (n, sums.events) for meter, n in sums.per_meter().items()}
        for d, sums in fold(events).items()
    }
