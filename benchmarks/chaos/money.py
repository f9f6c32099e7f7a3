"""Looks at the tenants' money all the while, and gives more when it is used up."""

import datetime as dt
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

import psycopg
import redis

from benchmarks.chaos.operations import now_us
from benchmarks.chaos.product import Product

_LOOK_SECONDS = 0.25
_SUM_EVERY = 8
"""A look at PostgreSQL for so many at Valkey."""
_REFUSALS_ENOUGH = 15
"""Since the last time that more was given."""
_NANOS = 1_000_000_000
_HOLD_US = 15_000_000
"""A hold lives so long after its process held or renewed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """At a tenant's money in Valkey."""

    at_us: int
    left_nanos: int
    """Of what was given, without what was spent and what is held."""
    held: Mapping[str, int]
    """By the process that holds it."""
    expired_nanos: int
    """Holds of dead processes that were spent in full since the last count."""


@dataclass(slots=True, kw_only=True)
class Purse:
    """A tenant whose calls money decides over."""

    tenant_id: int
    name: str
    is_prepaid: bool
    step_nanos: int
    amount_max_nanos: int
    """Of credit or of a day: told before it is given, so that it is never too low."""
    tops: int = 0
    looks: int = 0
    least_left_nanos: int | None = None
    """By the sum of the events."""
    below: list[Look] = field(default_factory=list)
    """Looks at Valkey that saw less than nothing left."""
    alive_at_us: dict[str, int] = field(default_factory=dict)
    """Process that holds money -> when it was last seen to hold or renew."""
    oversold: list[str] = field(default_factory=list)
    """Sums in PostgreSQL above what was given."""

    def note_sum(self, left_nanos: int) -> None:
        self.looks += 1
        if self.least_left_nanos is None or left_nanos < self.least_left_nanos:
            self.least_left_nanos = left_nanos
        if left_nanos < 0:
            self.oversold.append(f"PostgreSQL {clock(now_us())}: {left_nanos}")

    @property
    def overdrawn(self) -> list[str]:
        """Moments at which more was spent and held than was given."""
        return self.oversold + [
            f"Valkey {clock(look.at_us)}: {look.left_nanos}"
            for look in self.below
            if look.left_nanos + self._counted_twice(look) < 0
        ]

    def _counted_twice(self, look: Look) -> int:
        """What may be in the count of the events and still be held: a process that died
        before it could tell that its calls had ended holds them for 15 s, and then they
        are spent in full until the next count. That refuses too much, never too little.
        """
        dead = (
            amount
            for owner, amount in look.held.items()
            if self.alive_at_us[owner] <= look.at_us
        )
        return sum(dead) + look.expired_nanos


def clock(at_us: int) -> str:
    return f"{dt.datetime.fromtimestamp(at_us / 1e6, dt.UTC):%H:%M:%S.%f}"


def today() -> str:
    return f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"


def look_at_valkey(url: str, purse: Purse) -> Look | None:
    """None while the money is not known there."""
    tenant, tag = purse.tenant_id, f"{{{purse.tenant_id}}}"
    with (
        redis.Redis.from_url(url, socket_timeout=2, decode_responses=True) as valkey,
        valkey.pipeline(transaction=True) as pipeline,
    ):
        pipeline.hmget(f"tokenfab:money:{tag}", "server", "credit", "counted_at_us")
        pipeline.get(f"tokenfab:spent:{tag}:tenant:total")
        pipeline.get(f"tokenfab:spent:{tag}:tenant:{tenant}:day:{today()}")
        pipeline.hget(f"tokenfab:held:{tag}:sums", "tenant")
        pipeline.zrange(f"tokenfab:held:{tag}", 0, -1, withscores=True)
        pipeline.zrange(f"tokenfab:held:{tag}:expired", 0, -1, withscores=True)
        pipeline.info("server")
        state, total, of_day, sums, held, expired, info = pipeline.execute()
    server, credit, counted_at_us = state
    if server != info["run_id"]:
        return None
    given = int(credit or 0) if purse.is_prepaid else purse.amount_max_nanos
    spent = int((total if purse.is_prepaid else of_day) or 0)
    amounts: Counter[str] = Counter()
    for member, deadline_ms in held:
        owner = member.partition("-")[0]
        amounts[owner] += amount_of(member)
        alive_at_us = int(deadline_ms) * 1000 - _HOLD_US
        purse.alive_at_us[owner] = max(purse.alive_at_us.get(owner, 0), alive_at_us)
    return Look(
        at_us=now_us(),
        left_nanos=given - spent - int(sums or 0),
        held=amounts,
        expired_nanos=sum(
            amount_of(member)
            for member, at_ms in expired
            if at_ms * 1000 > int(counted_at_us or 0)
        ),
    )


def amount_of(member: str) -> int:
    """Of a hold: `<process>-<number>|<amount>|<key>|<project>`."""
    return int(member.split("|")[1])


_SUM = """
    SELECT coalesce(sum(cost_nanos - CASE WHEN EXISTS (
        SELECT FROM lease WHERE lease.lease_id = usage_event.lease_id
            AND lease.engine_id = usage_event.engine_id AND is_measured
    ) THEN lease_cost_nanos ELSE 0 END), 0)::bigint
    + (
        SELECT coalesce(ceil(sum(
            mb_s * hbm_mb_s_nanos_per_million::numeric / 1000000
        )), 0)::bigint
        FROM lease_interval
        JOIN billing_priceversion ON billing_priceversion.id = price_version_id
        WHERE tenant_id = %(tenant)s AND ended_at >= %(begin)s
            AND credit_reason = ''
    )
    FROM usage_event
    WHERE tenant_id = %(tenant)s AND outcome <> 'unbilled' AND happened_at >= %(begin)s
"""
"""A lease is charged with its call; once it is measured, for what it was held."""


def look_at_postgres(url: str, purse: Purse) -> int:
    """What is left of all that was ever given."""
    begin = f"{today()}T00:00Z" if not purse.is_prepaid else "2000-01-01T00:00Z"
    with psycopg.connect(url, connect_timeout=2) as connection:
        row = connection.execute(
            _SUM, {"tenant": purse.tenant_id, "begin": begin}
        ).fetchone()
    assert row
    return purse.amount_max_nanos - int(row[0])


class Watch:
    """A thread that looks, another one that tops up."""

    def __init__(
        self,
        product: Product,
        purses: list[Purse],
        *,
        refusals: Callable[[int, str], int],
    ) -> None:
        self.purses = purses
        self._product = product
        self._refusals = refusals
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._look),
            threading.Thread(target=self._top_up),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=150)

    def _look(self) -> None:
        number = 0
        while not self._stopping.wait(_LOOK_SECONDS):
            number += 1
            for purse in self.purses:
                self._look_at(purse, sums=number % _SUM_EVERY == 0)

    def _look_at(self, purse: Purse, *, sums: bool) -> None:
        services = self._product.services
        try:
            look = look_at_valkey(services["VALKEY_URL"], purse)
            if look is not None:
                purse.looks += 1
                purse.below += [look] if look.left_nanos < 0 else []
            if sums:
                purse.note_sum(look_at_postgres(services["DATABASE_URL"], purse))
        except (KeyError, redis.RedisError, psycopg.Error):
            return  # it was killed, and is looked at again

    def _top_up(self) -> None:
        seen: Counter[int] = Counter()
        while not self._stopping.wait(_LOOK_SECONDS):
            for purse in self.purses:
                tenant = purse.tenant_id
                if self._refusals_of(purse) >= seen[tenant] + _REFUSALS_ENOUGH:
                    give(self._product, purse, self._stopping)
                    seen[tenant] = self._refusals_of(purse)

    def _refusals_of(self, purse: Purse) -> int:
        code = "insufficient_credit" if purse.is_prepaid else "spend_limit_reached"
        return self._refusals(purse.tenant_id, code)


def give(product: Product, purse: Purse, stopping: threading.Event) -> None:
    """Until it went through: grants have a key, so that a repeat gives nothing more."""
    purse.amount_max_nanos += purse.step_nanos
    purse.tops += 1
    if purse.is_prepaid:
        amount = f"{purse.step_nanos / _NANOS:.9f}"
        arguments = [
            *("grant_credit", purse.name, amount, "--reason", "Chaos run"),
            *("--idempotency-key", uuid.uuid4().hex),
        ]
    else:
        call = f"raise_spend_limit({purse.tenant_id}, {purse.amount_max_nanos})"
        arguments = [
            *("shell", "-c", f"from benchmarks.chaos.opening import *; {call}")
        ]
    while product.manage(*arguments).returncode and not stopping.wait(0.5):
        pass
