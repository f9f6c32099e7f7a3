"""How much of rate limits is used, from the counters that calls are refused by."""

from collections.abc import Collection
from datetime import UTC, datetime

from redis import Redis, RedisError
from redis.client import Pipeline

from metering.domain.limit_keys import (
    day_of,
    limit_key,
    month_of,
    requests_day_key,
    requests_month_key,
    running_key,
)
from tenants.models import RateLimit
from tenants.services.valkey import open_valkey
from tenants.wire import LimitKind

_TIMEOUT_SECONDS = 0.5
"""A page waits for it."""
READABLE = (
    LimitKind.REQUESTS_PER_DAY,
    LimitKind.REQUESTS_PER_MONTH,
    LimitKind.CONCURRENT_REQUESTS,
)
"""What is used of the others changes faster than anybody could read it."""


def read_limit_use(
    limits: Collection[RateLimit], *, now: datetime
) -> dict[int, int] | None:
    """Use by the id of the limit, of the READABLE kinds: requests of the present UTC
    day or month, or calls that run now. Requests that a proxy was granted at once, and
    has not used yet, are in it. None: Valkey does not answer.
    """
    readable = [limit for limit in limits if limit.kind in READABLE]
    if not readable:
        return {}
    try:
        with open_valkey(timeout_seconds=_TIMEOUT_SECONDS) as valkey:
            return _read(valkey, readable, now.astimezone(UTC))
    except RedisError:
        return None


def _read(valkey: Redis, limits: list[RateLimit], now: datetime) -> dict[int, int]:
    with valkey.pipeline(transaction=False) as pipeline:
        for limit in limits:
            _ask(pipeline, limit, now)
        answers = pipeline.execute()
    return {
        limit.pk: int(answer or 0)
        for limit, answer in zip(limits, answers, strict=True)
    }


def _ask(pipeline: "Pipeline", limit: RateLimit, now: datetime) -> None:
    name = limit_key(limit.tenant_id, limit.scope, limit.scope_id, limit.model)
    if limit.kind == LimitKind.REQUESTS_PER_DAY:
        pipeline.get(requests_day_key(name, day_of(now)))
    elif limit.kind == LimitKind.REQUESTS_PER_MONTH:
        pipeline.get(requests_month_key(name, month_of(now)))
    else:
        pipeline.zcount(running_key(name), int(now.timestamp() * 1000), "+inf")
