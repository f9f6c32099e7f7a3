"""See that Valkey knows the money of every tenant whose spend is counted."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import msgspec
from django.db.models import Max, Q
from django.utils import timezone
from redis import Redis

from billing.domain.spend_counters import (
    SEEDED_KEY,
    SEEDING_KEY,
    UNSURE_KEY,
    money_key,
    total_key,
)
from billing.services.credit.limiter_credit import limiter_credits
from billing.services.credit.publish_credit import publish_credit
from billing.services.spend.seed_money import Beginning, seed_money, time_us
from metering.lease_models import LeaseInterval
from metering.services.shipped_up_to import shipped_up_to
from tenants.models import Budget, SpendLimit, Tenant
from tenants.services.valkey import open_valkey

SEEDINGS_MAX = 500
"""In one call."""
_LONG = timedelta(seconds=30)
_LATE_MAX = timedelta(days=1)
"""After the end of a lease: measured later it is counted with what comes next."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _State:
    """What Valkey says; one pipelined read."""

    server: str
    """Run id of its process."""
    seeded: dict[int, int | None]
    """Tenants whose money is known on this server -> their credit there."""
    marked: set[int]
    """Tenants that were counted all the time since they were seeded."""
    counted_at_us: dict[int, int]
    """Up to when a seeded tenant's events were summed."""
    unsure: set[int]
    begun: dict[int, Beginning]
    """Seedings that began on this server."""


def keep_money_seeded() -> list[int]:
    """Ids of the tenants seeded by this call.

    A seeding takes two calls: the first notes the total and the time; a later one, once
    the journals are shipped up to that time, sums the events and sets the counters,
    unless something was spent between. It is due for a tenant that is not seeded, was
    on another Valkey process, or was not counted for a while, for one that the data
    plane is unsure of, and for one whose leases were measured since: what was charged
    for time that they were not held returns. Safe at the same time and after any
    death. Raises redis.RedisError.
    """
    counted = counted_tenants()
    credit = limiter_credits(counted)
    with open_valkey() as valkey:
        state = _look(valkey, counted)
        _correct_credit(state, credit)
        seeded: list[int] = []
        failed: list[int] = []
        for tenant_id, since in _ready(state, counted):
            is_done = seed_money(
                valkey, tenant_id, since=since, credit_nanos=credit.get(tenant_id)
            )
            (seeded if is_done else failed).append(tenant_id)
        _note_seeded(valkey, seeded, gone=(state.marked | state.unsure) - counted)
        due = (counted - state.seeded.keys()) | (counted & state.unsure)
        due |= set(_with_measured_leases(state))
        _begin(valkey, state.server, [*(due - state.begun.keys()), *failed])
    return seeded


def counted_tenants() -> set[int]:
    """Those whose key policies say `counts_spend`."""
    rows = Tenant.objects.filter(
        Q(is_prepaid=True)
        | Q(pk__in=SpendLimit.objects.values("tenant_id"))
        | Q(pk__in=Budget.objects.values("tenant_id"))
    )
    return set(rows.values_list("pk", flat=True))


def _look(valkey: Redis, counted: set[int]) -> _State:
    ids = sorted(counted)
    with valkey.pipeline(transaction=False) as pipeline:
        pipeline.info("server")
        pipeline.smembers(SEEDED_KEY)
        pipeline.smembers(UNSURE_KEY)
        pipeline.hgetall(SEEDING_KEY)
        for tenant_id in ids:
            pipeline.hmget(money_key(tenant_id), "server", "credit", "counted_at_us")
        info, marked, unsure, begun, *money = pipeline.execute()
    server = info["run_id"]
    marked = {int(tenant_id) for tenant_id in marked}
    beginnings = {
        int(tenant_id): msgspec.json.decode(since, type=Beginning)
        for tenant_id, since in begun.items()
    }
    return _State(
        server=server,
        seeded={
            tenant_id: None if credit is None else int(credit)
            for tenant_id, (seeded_on, credit, _) in zip(ids, money, strict=True)
            if seeded_on == server and tenant_id in marked
        },
        counted_at_us={
            tenant_id: int(counted_at_us or 0)
            for tenant_id, (_, _, counted_at_us) in zip(ids, money, strict=True)
        },
        marked=marked,
        unsure={int(tenant_id) for tenant_id in unsure},
        begun={id_: one for id_, one in beginnings.items() if one.server == server},
    )


def _with_measured_leases(state: _State) -> Iterator[int]:
    """Seeded tenants whose counters do not know yet how long a lease was held."""
    latest = (
        LeaseInterval.objects.filter(
            tenant_id__in=state.seeded.keys(), ended_at__gte=timezone.now() - _LATE_MAX
        )
        .order_by()
        .values_list("tenant_id")
        .annotate(stored_at=Max("stored_at"))
    )
    for tenant_id, stored_at in latest:
        if time_us(stored_at) >= state.counted_at_us[tenant_id]:
            yield tenant_id


def _correct_credit(state: _State, by_books: dict[int, int]) -> None:
    """For an act whose own publication did not get through."""
    for tenant_id, published in state.seeded.items():
        if published != by_books.get(tenant_id):
            publish_credit(tenant_id)


def _ready(state: _State, counted: set[int]) -> list[tuple[int, Beginning]]:
    """The seedings whose events are all in PostgreSQL, the oldest first."""
    begun = [item for item in state.begun.items() if item[0] in counted]
    if not begun:
        return []
    begun.sort(key=lambda item: item[1].at_us)
    shipped = shipped_up_to()
    if timezone.now() - begun[0][1].at > _LONG:
        _logger.warning(
            "the money of %s tenants is not summed yet: journals are shipped up to %s",
            len(begun),
            shipped,
        )
    if shipped is None:
        return []
    return [item for item in begun if item[1].at < shipped][:SEEDINGS_MAX]


def _note_seeded(valkey: Redis, seeded: Iterable[int], *, gone: Iterable[int]) -> None:
    """`gone`: tenants that are no longer counted; on their return they are seeded."""
    with valkey.pipeline(transaction=True) as pipeline:
        for tenant_id in seeded:
            pipeline.sadd(SEEDED_KEY, tenant_id)
            pipeline.hdel(SEEDING_KEY, str(tenant_id))
        for tenant_id in gone:
            pipeline.srem(SEEDED_KEY, tenant_id)
            pipeline.srem(UNSURE_KEY, tenant_id)
            pipeline.hdel(SEEDING_KEY, str(tenant_id))
        pipeline.execute()


def _begin(valkey: Redis, server: str, tenant_ids: list[int]) -> None:
    """The clock is read after the totals: what is spent in between shows as a change
    of the total. The doubt is taken back last, so that no death can lose it.
    """
    if not tenant_ids:
        return
    totals = valkey.mget([total_key(tenant_id) for tenant_id in tenant_ids])
    at_us = time_us(timezone.now())
    with valkey.pipeline(transaction=True) as pipeline:
        for tenant_id, total in zip(tenant_ids, totals, strict=True):
            since = Beginning(server=server, total=str(total or ""), at_us=at_us)
            pipeline.hset(
                SEEDING_KEY, str(tenant_id), msgspec.json.encode(since).decode()
            )
            pipeline.srem(UNSURE_KEY, tenant_id)
        pipeline.execute()
