"""The request log: calls that fit a filter, a page at a time, at a bounded price."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from frontend.calls.newest_calls import Call, describe_calls
from frontend.cursors import Place, calls_behind, write_place
from metering.models import UsageEvent, UsageEventQuerySet
from tenants.models import Tenant

PAGE = 50
"""Calls on a page."""
FILE_MAX = 1_000
"""Calls in one file."""
LOOKED_AT_MAX = 20_000
"""Calls that one page may pass over: a filter that hardly anything fits must not read a
tenant's whole history at once."""
_LAST_ID = UUID(int=2**128 - 1)


@dataclass(frozen=True, kw_only=True)
class LogPage:
    calls: list[Call]
    next_after: str
    """Where the next page begins; empty: this is the last one."""
    looked_until: datetime | None
    """The page ends here though it is not full: enough was passed over. None: it is
    full, or nothing is left."""


def read_log(
    tenant: Tenant,
    condition: Q,
    *,
    is_narrowing: bool,
    after: Place | None = None,
    limit: int = PAGE,
) -> LogPage:
    """The latest first, beginning behind `after`; at most `limit`."""
    events = calls_behind(UsageEvent.objects.of_tenant(tenant.pk), after)
    floor = _floor(events.filter(_times_of(condition))) if is_narrowing else None
    if floor:
        events = events.filter(happened_at__gte=floor)
    found = list(events.filter(condition).newest(limit + 1))
    shown = found[:limit]
    is_cut = floor is not None and len(found) <= limit
    place = _end(shown, floor) if is_cut else _last(shown) if found[limit:] else ""
    return LogPage(
        calls=describe_calls(tenant, shown),
        next_after=place,
        looked_until=floor if is_cut else None,
    )


def _times_of(condition: Q) -> Q:
    """The part that the index of times answers."""
    times = [
        child
        for child in condition.children
        if isinstance(child, tuple) and child[0].startswith("happened_at__")
    ]
    return Q(*times)


def _floor(events: UsageEventQuerySet) -> datetime | None:
    """The time of the last call that this page may look at; None: it may look at all
    that there are. The index alone answers it.
    """
    times = events.order_by("-happened_at").values_list("happened_at", flat=True)
    return next(iter(times[LOOKED_AT_MAX : LOOKED_AT_MAX + 1]), None)


def _last(shown: list[UsageEvent]) -> str:
    return write_place(shown[-1].happened_at, shown[-1].event_id)


def _end(shown: list[UsageEvent], floor: datetime | None) -> str:
    """Behind all calls of the floor's moment: they were looked at."""
    return write_place(floor, _LAST_ID) if floor else _last(shown)
