"""What is spent, from the counters that the limits are decided by."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from redis import Redis, RedisError

from billing.domain.spend_counters import (
    Spender,
    held_field,
    held_key,
    money_key,
    spent_key,
    total_key,
)
from tenants.services.valkey import open_valkey
from tenants.wire import SpendPeriod

_TIMEOUT_SECONDS = 0.5
"""A page waits for it."""


@dataclass(frozen=True, kw_only=True)
class SpendNow:
    """Nanos. A call is refused by what is spent and held together."""

    spent: dict[tuple[Spender, SpendPeriod], int]
    held: dict[Spender, int]
    """The most that the calls which run now may cost."""
    credit_left: int
    """Less what is held. Below zero: more was spent than ever granted, as by a tenant
    that was not prepaid before."""


def read_spend(
    tenant_id: int, spenders: Collection[Spender], *, now: datetime
) -> SpendNow | None:
    """Of the present UTC day and month. None: Valkey does not answer, or does not know
    the tenant's money; then calls of the tenant that depend on it are refused, too.
    """
    names = [(spender, period) for spender in spenders for period in SpendPeriod]
    keys = [spent_key(tenant_id, *name, now) for name in names]
    try:
        with open_valkey(timeout_seconds=_TIMEOUT_SECONDS) as valkey:
            return _read(valkey, tenant_id, names, keys)
    except RedisError:
        return None


def _read(
    valkey: Redis,
    tenant_id: int,
    names: list[tuple[Spender, SpendPeriod]],
    keys: list[str],
) -> SpendNow | None:
    with valkey.pipeline(transaction=True) as pipeline:
        pipeline.info("server")
        pipeline.hmget(money_key(tenant_id), "server", "credit")
        pipeline.mget([total_key(tenant_id), *keys])
        pipeline.hgetall(held_key(tenant_id))
        info, (server, credit), (total, *amounts), held = pipeline.execute()
    if server != info["run_id"]:
        return None
    return SpendNow(
        spent={
            name: int(amount or 0) for name, amount in zip(names, amounts, strict=True)
        },
        held={spender: int(held.get(held_field(spender), 0)) for spender, _ in names},
        credit_left=int(credit or 0) - int(total or 0) - int(held.get("tenant", 0)),
    )
