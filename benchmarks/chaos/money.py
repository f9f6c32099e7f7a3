"""Looks at the tenants' money all the while, and gives more when it is used up."""

import datetime as dt
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import psycopg
import redis

from benchmarks.chaos.product import Product

_LOOK_SECONDS = 0.25
_SUM_EVERY = 8
"""A look at PostgreSQL for so many at Valkey."""
_REFUSALS_ENOUGH = 40
_NANO_USD = 1_000_000_000


@dataclass(slots=True, kw_only=True)
class Purse:
    """A tenant whose calls money decides over."""

    tenant_id: int
    name: str
    is_prepaid: bool
    step_nano_usd: int
    amount_max_nano_usd: int
    """Of credit or of a day: told before it is given, so that it is never too low."""
    tops: int = 0
    looks: int = 0
    least_left_nano_usd: int | None = None
    overdrawn: list[str] = field(default_factory=list)

    def note(self, left_nano_usd: int, where: str) -> None:
        self.looks += 1
        if self.least_left_nano_usd is None or left_nano_usd < self.least_left_nano_usd:
            self.least_left_nano_usd = left_nano_usd
        if left_nano_usd < 0:
            at = dt.datetime.now(dt.UTC)
            self.overdrawn.append(f"{at:%H:%M:%S.%f} {where}: {left_nano_usd} nano-USD")


def today() -> str:
    return f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"


def look_at_valkey(url: str, purse: Purse) -> int | None:
    """What is left, holds taken off; None while the money is not known there."""
    tenant = purse.tenant_id
    tag = f"{{{tenant}}}"
    day = f"tokenfab:spent:{tag}:tenant:{tenant}:day:{today()}"
    with (
        redis.Redis.from_url(url, socket_timeout=2, decode_responses=True) as valkey,
        valkey.pipeline(transaction=True) as pipeline,
    ):
        pipeline.hmget(f"tokenfab:money:{tag}", "server", "credit")
        pipeline.get(f"tokenfab:spent:{tag}:tenant:total")
        pipeline.get(day)
        pipeline.hget(f"tokenfab:held:{tag}:sums", "tenant")
        pipeline.info("server")
        (server, credit), total, of_day, held, info = pipeline.execute()
    if server != info["run_id"]:
        return None
    if purse.is_prepaid:
        return int(credit or 0) - int(total or 0) - int(held or 0)
    return purse.amount_max_nano_usd - int(of_day or 0) - int(held or 0)


_SUM = """
    SELECT coalesce(sum(cost_nano_usd), 0) FROM usage_event
    WHERE tenant_id = %s AND outcome <> 'unbilled' AND happened_at >= %s
"""


def look_at_postgres(url: str, purse: Purse) -> int:
    """What is left of all that was ever given."""
    begin = f"{today()}T00:00Z" if not purse.is_prepaid else "2000-01-01T00:00Z"
    with psycopg.connect(url, connect_timeout=2) as connection:
        row = connection.execute(_SUM, [purse.tenant_id, begin]).fetchone()
    assert row
    return purse.amount_max_nano_usd - int(row[0])


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
            left = look_at_valkey(services["VALKEY_URL"], purse)
            if left is not None:
                purse.note(left, "Valkey")
            if sums:
                left = look_at_postgres(services["DATABASE_URL"], purse)
                purse.note(left, "PostgreSQL")
        except (KeyError, redis.RedisError, psycopg.Error):
            return  # it was killed, and is looked at again

    def _top_up(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            for purse in self.purses:
                code = (
                    "insufficient_credit" if purse.is_prepaid else "spend_limit_reached"
                )
                if self._refusals(purse.tenant_id, code) >= _REFUSALS_ENOUGH:
                    give(self._product, purse, self._stopping)


def give(product: Product, purse: Purse, stopping: threading.Event) -> None:
    """Until it went through: grants have a key, so that a repeat gives nothing more."""
    purse.amount_max_nano_usd += purse.step_nano_usd
    purse.tops += 1
    if purse.is_prepaid:
        amount = f"{purse.step_nano_usd / _NANO_USD:.9f}"
        arguments = [
            *("grant_credit", purse.name, amount, "--reason", "Chaos run"),
            *("--idempotency-key", uuid.uuid4().hex),
        ]
    else:
        call = f"raise_spend_limit({purse.tenant_id}, {purse.amount_max_nano_usd})"
        arguments = [
            *("shell", "-c", f"from benchmarks.chaos.opening import *; {call}")
        ]
    while product.manage(*arguments).returncode and not stopping.wait(0.5):
        pass
