"""KV leases of a tenant: what they hold, until when, what they cost and save."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from billing.domain.money import amount_nanos
from billing.domain.rating import Rates
from frontend.cursors import Place, calls_behind, write_place
from frontend.leases.lease_uses import LeaseUse, uses_of_leases
from frontend.prices.amounts import find_rates
from frontend.prompts.prompt_prices import sum_of
from inference.domain.lease_receipt import Fact
from inference.domain.lease_terms import GRACE_MS
from inference.lease_models import (
    RECEIPTS_KEPT,
    Lease,
    LeaseCursor,
    LeaseReceipt,
    LeaseState,
)
from metering.domain.lease_intervals import METERS, Interval, lease_intervals
from metering.models import UsageEvent, UsageEventQuerySet
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
    sold_until: datetime | None
    """None: it is over."""
    is_live: bool
    """It can be extended and released."""
    mb_s: int
    """So far."""
    amount_nanos: int | None
    """So far; None: its price is not there."""
    is_credited: bool
    """Its engine lost it, and nothing of its time is charged."""
    use: LeaseUse
    rates: Rates | None
    """None: its price version is not there."""

    @property
    def public_id(self) -> str:
        return f"kvl_{self.event.lease_id.hex}" if self.event.lease_id else ""

    @property
    def saved_nanos(self) -> int | None:
        """By its turns, less what it cost; None: none came, or a price is not there."""
        worth, cost = self.use.worth_nanos, self.amount_nanos
        if not self.use.hits or worth is None or cost is None:
            return None
        return worth - cost


@dataclass(frozen=True, kw_only=True)
class LeaseTotals:
    held: int
    held_bytes: int
    hits: int
    tokens: int
    amount_nanos: int | None
    """None: a price is not there."""
    saved_nanos: int | None
    """By all their turns, less what all of them cost."""


def bought_leases(tenant: Tenant) -> UsageEventQuerySet:
    """The calls that bought one; those of cached prompts are on their own pages."""
    calls = UsageEvent.objects.of_tenant(tenant.pk).metered()
    return calls.filter(lease_id__isnull=False, is_warming=False)


def totals(leases: Iterable[BoughtLease]) -> LeaseTotals:
    all_of_them = list(leases)
    held = [one.lease.bytes for one in all_of_them if one.is_live and one.lease]
    cost = sum_of(one.amount_nanos for one in all_of_them)
    worth = sum_of(one.use.worth_nanos for one in all_of_them)
    return LeaseTotals(
        held=len(held),
        held_bytes=sum(held),
        hits=sum(one.use.hits for one in all_of_them),
        tokens=sum(one.use.tokens for one in all_of_them),
        amount_nanos=cost,
        saved_nanos=None if cost is None or worth is None else worth - cost,
    )


@dataclass(frozen=True, kw_only=True)
class LeasePage:
    leases: list[BoughtLease]
    next_after: str
    """Where the next page begins; empty: this is the last one."""


def read_leases(
    tenant: Tenant,
    *,
    limit: int,
    now: datetime,
    after: Place | None = None,
    is_held: bool = False,
) -> LeasePage:
    """The latest first, of the time of which receipts are kept. `is_held`: those alone
    that their engines hold.
    """
    of_late = bought_leases(tenant).filter(happened_at__gt=now - RECEIPTS_KEPT)
    if is_held:
        held = Lease.objects.filter(tenant_id=str(tenant.pk), state=LeaseState.HELD)
        of_late = of_late.filter(lease_id__in=held.values("lease_id"))
    found = list(calls_behind(of_late, after).newest(limit + 1))
    shown = found[:limit]
    last = write_place(shown[-1].happened_at, shown[-1].event_id) if shown else ""
    return LeasePage(
        leases=describe_leases(tenant, shown, now),
        next_after=last if found[limit:] else "",
    )


def find_lease(tenant: Tenant, lease_id: UUID, *, now: datetime) -> BoughtLease | None:
    calls = bought_leases(tenant).filter(lease_id=lease_id)
    found = describe_leases(tenant, list(calls.newest(1)), now)
    return found[0] if found else None


def describe_leases(
    tenant: Tenant, events: list[UsageEvent], now: datetime
) -> list[BoughtLease]:
    """Of the calls that bought them, all of that tenant; in their order."""
    leases = _leases_of(events, tenant)
    receipts = _receipts_of(leases.values())
    rates = find_rates(event.price_version_id for event in events)
    keys = ApiKey.objects.filter(tenant=tenant)
    names = dict(
        keys.filter(pk__in={event.api_key_id for event in events}).values_list(
            "pk", "name"
        )
    )
    uses = uses_of_leases(
        tenant,
        {event.lease_id for event in events if event.lease_id},
        since=min((event.happened_at for event in events), default=now),
    )
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
            use=uses.get(_key(event)[0], LeaseUse()),
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
    use: LeaseUse,
    is_doubted: bool,
    now: datetime,
) -> BoughtLease:
    state = lease.state if lease else "pending"
    is_held = state == LeaseState.HELD
    if lease and is_held:
        receipts = [*receipts, _as_if_it_ended(lease, now)]
    intervals = _intervals(event, receipts)
    sums = _mb_s(intervals)
    sold_until = _sold_until(event, receipts)
    return BoughtLease(
        event=event,
        key_name=key_name,
        lease=lease,
        state="unverified" if is_held and is_doubted else state,
        sold_until=sold_until if is_held else None,
        is_live=is_held and sold_until > now,
        mb_s=sum(sums.values()),
        amount_nanos=_amount(sums, rates),
        is_credited=any(one.credit_reason for one in intervals),
        use=use,
        rates=rates,
    )


def _sold_until(event: UsageEvent, receipts: list[LeaseReceipt]) -> datetime:
    """As it was sold, or extended since."""
    renewed = [
        _EPOCH + timedelta(milliseconds=row.until_ms - GRACE_MS)
        for row in receipts
        if row.fact == Fact.RENEWED
    ]
    return max([event.lease_expires_at or _EPOCH, *renewed])


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


def _intervals(event: UsageEvent, receipts: list[LeaseReceipt]) -> list[Interval]:
    if event.lease_expires_at is None:
        return []
    sold_until_ms = (event.lease_expires_at - _EPOCH) // timedelta(milliseconds=1)
    return lease_intervals(receipts, sold_until_ms=sold_until_ms)


def _mb_s(intervals: Iterable[Interval]) -> dict[str, int]:
    """What is charged, by meter."""
    sums: dict[str, int] = defaultdict(int)
    for one in intervals:
        if not one.credit_reason:
            sums[METERS[one.tier].value] += one.mb_s
    return sums


def _amount(sums: dict[str, int], rates: Rates | None) -> int | None:
    amount = 0
    for meter, quantity in sums.items():
        rate = rates.of_meter(meter) if rates else None
        if quantity and rate is None:
            return None
        amount += amount_nanos(quantity, rate or 0)
    return amount
