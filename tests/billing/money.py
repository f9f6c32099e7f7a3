"""Spend as the data plane leaves it: events in PostgreSQL, counters in Valkey."""

from datetime import UTC, datetime
from typing import Any

import redis

from billing.domain.spend_counters import (
    Spender,
    money_key,
    spent_key,
    total_key,
)
from billing.services.spend.keep_money_seeded import keep_money_seeded
from billing.services.spend.seed_money import time_us
from metering.services.prepare_usage_partitions import prepare_usage_partitions
from metering.services.store_usage_events import store_usage_events
from metering.wire import UsageEvent
from tenants.models import ApiKey, Tenant
from tenants.wire import Scope, SpendPeriod
from tests.metering.journal import make_event


def spent_event(
    api_key: ApiKey, cost_nanos: int, *, at: datetime | None = None, **changes
) -> UsageEvent:
    happened_at_us = time_us(at or datetime.now(UTC))
    return make_event(
        tenant_id=api_key.tenant_id,
        project_id=api_key.project_id,
        api_key_id=api_key.pk,
        cost_nanos=cost_nanos,
        received_at_us=happened_at_us - 250_000,
        happened_at_us=happened_at_us,
        **changes,
    )


def store(*events: UsageEvent) -> None:
    prepare_usage_partitions(datetime.now(UTC))
    store_usage_events(events)


def seed() -> list[int]:
    """Begins and ends the seeding of all tenants that need it."""
    keep_money_seeded()
    return keep_money_seeded()


def spend(valkey: redis.Redis, api_key: ApiKey, amount_nanos: int) -> None:
    """What the settling of a call does to the counters."""
    tenant_id, now = api_key.tenant_id, datetime.now(UTC)
    valkey.incrby(total_key(tenant_id), amount_nanos)
    for spender in spenders_of(api_key):
        for period in SpendPeriod:
            key = spent_key(tenant_id, spender, period, now)
            valkey.incrby(key, amount_nanos)


def spenders_of(api_key: ApiKey) -> list[Spender]:
    return [
        Spender(Scope.TENANT, api_key.tenant_id),
        Spender(Scope.PROJECT, api_key.project_id),
        Spender(Scope.KEY, api_key.pk),
    ]


def total(valkey: redis.Redis, tenant: Tenant) -> int:
    return int(valkey.get(total_key(tenant.pk)) or 0)


def this_month(valkey: redis.Redis, tenant: Tenant, spender: Spender) -> int:
    key = spent_key(tenant.pk, spender, SpendPeriod.MONTH, datetime.now(UTC))
    return int(valkey.get(key) or 0)


def today(valkey: redis.Redis, tenant: Tenant, spender: Spender) -> int:
    key = spent_key(tenant.pk, spender, SpendPeriod.DAY, datetime.now(UTC))
    return int(valkey.get(key) or 0)


def is_known(valkey: redis.Redis, tenant: Tenant) -> bool:
    """Whether the data plane believes the tenant's counters."""
    server: Any = valkey.hget(money_key(tenant.pk), "server")
    return bool(server == valkey.info("server")["run_id"].encode())
