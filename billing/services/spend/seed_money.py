"""Make a tenant's money counters in Valkey what its books and usage events say."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import msgspec
from redis import Redis

from billing.domain.spend_counters import (
    KEPT_SECONDS,
    Spender,
    money_key,
    spent_key,
    total_key,
)
from billing.services.spend.sum_spend import Spend, sum_spend
from tenants.wire import Scope, SpendPeriod

_SCRIPT = (files("billing.services.spend") / "seed_money.lua").read_text()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Beginning(msgspec.Struct, frozen=True):
    """How a tenant's counters stood when a seeding began."""

    server: str
    """Run id of the Valkey process."""
    total: str
    """What the tenant had ever spent; empty: no such counter."""
    at_us: int
    """After that was read; events up to then are summed."""

    @property
    def at(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.at_us)


def time_us(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def seed_money(
    valkey: Redis, tenant_id: int, *, since: Beginning, credit_nanos: int | None
) -> bool:
    """True: done. False: the server is another, or something was spent since the
    beginning; the counters are as they were, and the seeding begins anew.

    To be called once every event until `since.at` is in PostgreSQL. A call that settles
    later is added by the data plane if it happened after that instant, and is in the
    sums otherwise: the hash says so in `counted_at_us`. Raises redis.RedisError.
    """
    spend = sum_spend(tenant_id, until=since.at)
    total = spend[Spender(Scope.TENANT, tenant_id)][None]
    counters = list(_counters(tenant_id, spend, since.at))
    keys = [
        money_key(tenant_id),
        total_key(tenant_id),
        *(key for key, _, _ in counters),
    ]
    arguments = [
        since.server,
        since.total,
        "" if credit_nanos is None else str(credit_nanos),
        str(since.at_us),
        str(total),
        *(str(part) for _, value, seconds in counters for part in (value, seconds)),
    ]
    return bool(valkey.eval(_SCRIPT, len(keys), *keys, *arguments) == 1)


def _counters(
    tenant_id: int, spend: Spend, at: datetime
) -> Iterator[tuple[str, int, int]]:
    """(key, nanos, seconds to keep it)"""
    for spender, amounts in spend.items():
        for period in SpendPeriod:
            key = spent_key(tenant_id, spender, period, at)
            yield key, amounts[period], KEPT_SECONDS[period]
