"""The latest KV leases of a tenant: what they hold, until when, and what they cost."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from billing.domain.money import amount_nano_usd
from billing.domain.rating import Rates
from frontend.prices import find_rates
from inference.domain.lease_receipt import Fact
from inference.lease_models import (
    RECEIPTS_KEPT,
    Lease,
    LeaseCursor,
    LeaseReceipt,
    LeaseState,
)
from metering.domain.lease_intervals import METERS, lease_intervals
from metering.models import UsageEvent
from tenants.models import ApiKey, Tenant

_Held = tuple[UUID, int]
"""Lease id and engine id."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class BoughtLease:
    """One lease, from the call that bought it and from what its engine told of it."""

    event: UsageEvent
    key_name: str
    lease: Lease | None
    """None: its engine has told nothing of it yet."""
    state: str
    """One of LeaseState, or `pending` without a lease, or `unverified`: receipts of its
    engine are missing."""
    left: timedelta | None
    """Until its sold end; None: it is over."""
    mb_s: int
    """So far."""
    amount_nano_usd: int | None
    """So far; None: its price is not there."""

    @property
    def public_id(self) -> str:
        return f"kvl_{self.event.lease_id.hex}" if self.event.lease_id else ""


def latest_leases(tenant: Tenant, *, limit: int, now: datetime) -> list[BoughtLease]:
    """The latest first, of the time of which receipts are kept."""
    bought = UsageEvent.objects.of_tenant(tenant.pk).metered()
    of_late = bought.filter(happened_at__gt=now - RECEIPTS_KEPT)
    events = list(of_late.filter(lease_id__isnull=False).newest(limit))
    leases = _leases_of(events, tenant)
    receipts = _receipts_of(leases.values())
    rates = find_rates(event.price_version_id for event in events)
    names = dict(ApiKey.objects.filter(tenant=tenant).values_list("pk", "name"))
    doubted = set(
        LeaseCursor.objects.filter(gap_proven_ms__isnull=False).values_list(
            "pk", flat=True
        )
    )
    return [
        _bought(
            event,
            lease := leases.get(_key(event)),
            receipts[lease.pk] if lease else [],
            rates=rates.get(event.price_version_id),
            key_name=names.get(event.api_key_id, ""),
            is_doubted=event.engine_id in doubted,
            now=now,
        )
        for event in events
    ]


def _key(event: UsageEvent) -> _Held:
    return event.lease_id or UUID(int=0), event.engine_id


def _leases_of(events: list[UsageEvent], tenant: Tenant) -> dict[_Held, Lease]:
    rows = Lease.objects.filter(
        lease_id__in={event.lease_id for event in events}, tenant_id=str(tenant.pk)
    )
    return {(row.lease_id, row.engine_id): row for row in rows}


def _receipts_of(leases: Iterable[Lease]) -> dict[int, list[LeaseReceipt]]:
    places = {
        (lease.lease_id.hex, lease.engine_id, lease.epoch): lease.pk for lease in leases
    }
    found: dict[int, list[LeaseReceipt]] = defaultdict(list)
    for row in LeaseReceipt.objects.filter(lease_id__in={key[0] for key in places}):
        if lease := places.get((row.lease_id, row.engine_id, row.epoch)):
            found[lease].append(row)
    return found


def _bought(
    event: UsageEvent,
    lease: Lease | None,
    receipts: list[LeaseReceipt],
    *,
    rates: Rates | None,
    key_name: str,
    is_doubted: bool,
    now: datetime,
) -> BoughtLease:
    state = lease.state if lease else "pending"
    is_held = state == LeaseState.HELD
    if lease and is_held:
        receipts = [*receipts, _as_if_it_ended(lease, now)]
    sums = _mb_s(event, receipts)
    sold_end = event.lease_expires_at
    return BoughtLease(
        event=event,
        key_name=key_name,
        lease=lease,
        state="unverified" if is_held and is_doubted else state,
        left=max(sold_end - now, timedelta(0)) if is_held and sold_end else None,
        mb_s=sum(sums.values()),
        amount_nano_usd=_amount(sums, rates),
    )


def _as_if_it_ended(lease: Lease, now: datetime) -> LeaseReceipt:
    """So that what it costs so far is counted by the rule that bills it."""
    now_ms = (now - _EPOCH) // timedelta(milliseconds=1)
    return LeaseReceipt(
        sequence=2**63 - 1,
        fact=Fact.RELEASED.value,
        tier=lease.tier,
        bytes=lease.bytes,
        at_ms=now_ms,
        until_ms=now_ms,
    )


def _mb_s(event: UsageEvent, receipts: list[LeaseReceipt]) -> dict[str, int]:
    """By meter."""
    sums: dict[str, int] = defaultdict(int)
    if event.lease_expires_at is not None:
        sold_until_ms = (event.lease_expires_at - _EPOCH) // timedelta(milliseconds=1)
        for one in lease_intervals(receipts, sold_until_ms=sold_until_ms):
            sums[METERS[one.tier].value] += one.mb_s
    return sums


def _amount(sums: dict[str, int], rates: Rates | None) -> int | None:
    amount = 0
    for meter, quantity in sums.items():
        rate = rates.of_meter(meter) if rates else None
        if quantity and rate is None:
            return None
        amount += amount_nano_usd(quantity, rate or 0)
    return amount
