"""How much of rate limits is used, from the counters that calls are refused by."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from redis import Redis, RedisError
from redis.client import NEVER_DECODE, Pipeline

from metering.domain.limit_keys import (
    day_of,
    limit_key,
    minute_key,
    month_of,
    requests_day_key,
    requests_month_key,
    running_key,
)
from metering.domain.window_bytes import use_of_window
from tenants.models import RateLimit
from tenants.services.valkey import open_valkey
from tenants.wire import LimitKind

_TIMEOUT_SECONDS = 0.5
"""A page waits for it."""
_PLACES = {
    LimitKind.REQUESTS_PER_MINUTE: 0,
    LimitKind.TOKENS_PER_MINUTE: 1,
    LimitKind.IMAGES_PER_MINUTE: 2,
}
"""In the windows of a minute."""


def read_limit_use(
    limits: Collection[RateLimit], *, now: datetime
) -> dict[int, int] | None:
    """Use by the id of the limit: of the last minute, of the present UTC day or month,
    or calls that run now. What a proxy was granted at once, and has not used yet, is in
    it. None: Valkey does not answer.
    """
    if not limits:
        return {}
    try:
        with open_valkey(timeout_seconds=_TIMEOUT_SECONDS) as valkey:
            return _read(valkey, list(limits), now.astimezone(UTC))
    except RedisError:
        return None


def _read(valkey: Redis, limits: list[RateLimit], now: datetime) -> dict[int, int]:
    with valkey.pipeline(transaction=False) as pipeline:
        for limit in limits:
            _ask(pipeline, limit, now)
        answers = pipeline.execute()
    return {
        limit.pk: _use(limit, answer, now)
        for limit, answer in zip(limits, answers, strict=True)
    }


def _use(limit: RateLimit, answer: Any, now: datetime) -> int:
    kind = LimitKind(limit.kind)
    if kind not in _PLACES:
        return int(answer or 0)
    now_ms = int(now.timestamp() * 1000)
    return use_of_window(answer or b"", now_ms=now_ms)[_PLACES[kind]]


def _ask(pipeline: "Pipeline", limit: RateLimit, now: datetime) -> None:
    name = limit_key(limit.tenant_id, limit.scope, limit.scope_id, limit.model)
    if limit.kind == LimitKind.REQUESTS_PER_DAY:
        pipeline.get(requests_day_key(name, day_of(now)))
    elif limit.kind == LimitKind.REQUESTS_PER_MONTH:
        pipeline.get(requests_month_key(name, month_of(now)))
    elif limit.kind in _PLACES:
        # It is no text, and the connection would read all answers as such.
        get = ("GET", minute_key(name))
        pipeline.execute_command(*get, **{NEVER_DECODE: True})  # type: ignore[no-untyped-call]
    else:
        pipeline.zcount(running_key(name), int(now.timestamp() * 1000), "+inf")
