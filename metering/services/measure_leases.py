"""Leases that ended become intervals, and their hours are marked as open."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from inference.lease_models import Lease, LeaseReceipt
from metering.domain.lease_intervals import lease_intervals
from metering.lease_models import LeaseInterval
from metering.models import UsageEvent

BATCH_LEASES = 200
LEASES_MAX = 5_000
GIVEN_UP_AFTER = timedelta(days=35)
"""So long a lease waits for the event of its call, which a journal may hold back."""

_Held = tuple[str, int, str]
"""Lease id, engine id, epoch."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The marks are sorted, as the shipper's are: two writers that wait for each other's
# would otherwise deadlock.
_MARK = """
    INSERT INTO open_hour (tenant_id, hour_at, generation)
    SELECT tenant_id, date_trunc('hour', ended_at, 'UTC') AS hour_at, 1
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS found (tenant_id, ended_at)
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (tenant_id, hour_at)
        DO UPDATE SET generation = open_hour.generation + 1
"""


def measure_leases(*, now: datetime, leases_max: int = LEASES_MAX) -> int:
    """Measures leases whose end and whose usage event are both in the books, each once
    and as a whole, however long it was; returns how many.

    Safe twice and at the same time: a lease is taken by one call only. A lease that no
    metered event names is nobody's, and one that the engine holds for another tenant
    than the event's is not charged.
    """
    measured = 0
    while measured < leases_max:
        taken = _measure_batch(min(BATCH_LEASES, leases_max - measured), now)
        if not taken:
            break
        measured += taken
    return measured


@transaction.atomic
def _measure_batch(limit: int, now: datetime) -> int:
    leases = _take(limit, now)
    receipts = _receipts_of(leases)
    events = _events_of(leases)
    rows = [
        row
        for lease in leases
        for row in _intervals(
            lease, events[lease.lease_id, lease.engine_id], receipts[_held(lease)]
        )
    ]
    LeaseInterval.objects.bulk_create(rows, ignore_conflicts=True)
    _mark_hours(rows)
    Lease.objects.filter(pk__in=[lease.pk for lease in leases]).update(is_measured=True)
    return len(leases)


def _take(limit: int, now: datetime) -> list[Lease]:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '10s'")
    events = UsageEvent.objects.metered().filter(
        lease_id=OuterRef("lease_id"), engine_id=OuterRef("engine_id")
    )
    oldest_ms = _milliseconds(now - GIVEN_UP_AFTER)
    waiting = Lease.objects.unmeasured().filter(Exists(events), ended_ms__gte=oldest_ms)
    return list(
        waiting.order_by("ended_ms", "pk").select_for_update(skip_locked=True)[:limit]
    )


def _held(lease: Lease) -> _Held:
    return lease.lease_id.hex, lease.engine_id, lease.epoch


def _receipts_of(leases: list[Lease]) -> dict[_Held, list[LeaseReceipt]]:
    found: dict[_Held, list[LeaseReceipt]] = defaultdict(list)
    ids = {lease.lease_id.hex for lease in leases}
    for row in LeaseReceipt.objects.filter(lease_id__in=ids):
        found[row.lease_id, row.engine_id, row.epoch].append(row)
    return found


def _events_of(leases: list[Lease]) -> dict[tuple[UUID, int], UsageEvent]:
    """The first, should a lease be named by several."""
    rows = UsageEvent.objects.metered().filter(
        lease_id__in={lease.lease_id for lease in leases}
    )
    latest_first = rows.order_by("-happened_at", "-event_id")
    return {(row.lease_id, row.engine_id): row for row in latest_first if row.lease_id}


def _intervals(
    lease: Lease, event: UsageEvent, receipts: Iterable[LeaseReceipt]
) -> Iterator[LeaseInterval]:
    if event.lease_expires_at is None or lease.tenant_id != str(event.tenant_id):
        return
    sold_until_ms = _milliseconds(event.lease_expires_at)
    for found in lease_intervals(receipts, sold_until_ms=sold_until_ms):
        yield LeaseInterval(
            tenant_id=event.tenant_id,
            project_id=event.project_id,
            api_key_id=event.api_key_id,
            model=event.model,
            price_version_id=event.price_version_id,
            event_id=event.event_id,
            lease_id=lease.lease_id,
            engine_id=lease.engine_id,
            epoch=lease.epoch,
            tier=found.tier,
            bytes=found.bytes,
            started_at=_time(found.started_ms),
            ended_at=_time(found.ended_ms),
            first_sequence=found.first_sequence,
            last_sequence=found.last_sequence,
            mb_s=found.mb_s,
            credit_reason=found.credit_reason,
        )


def _mark_hours(rows: list[LeaseInterval]) -> None:
    if not rows:
        return
    tenants = [row.tenant_id for row in rows]
    ends = [row.ended_at for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(_MARK, [tenants, ends])


def _time(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)


def _milliseconds(at: datetime) -> int:
    """Rounded down."""
    return (at - _EPOCH) // timedelta(milliseconds=1)
