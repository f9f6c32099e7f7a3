"""Conversations whose KV is kept between turns: the calls, and what the engine told."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from billing.domain.lease_cost import storage_nanos
from billing.models.prices import PriceVersion
from config.demo.calls import call, time_of, with_cost
from config.demo.catalogue import BLOCK_TOKENS, TOKEN_BYTES
from inference.domain.lease_control import LeaseEvents
from inference.domain.lease_receipt import Fact, LeaseReceipt
from inference.domain.lease_terms import GRACE_MS, LeaseClass, Tier
from inference.lease_models import LeaseCursor
from inference.models import Engine
from inference.services.store_lease_events import store_lease_events
from metering.services.measure_leases import measure_leases
from metering.wire import UsageEvent
from tenants.models import ApiKey

EPOCH = "demo"
KEPT_SECONDS = 600
_GPU_SECONDS = 180
"""After so long a lease moves to host memory."""
_SPREAD_HOURS = 9
_PAUSES_SECONDS = (25, 50, 110, 240, 420, 900)
_SATURDAY = 5


@dataclass(frozen=True, kw_only=True)
class Told:
    """One fact of one lease, before the engine numbered it."""

    at: datetime
    fact: Fact
    lease_id: str
    tenant_id: int
    tier: Tier
    tokens: int
    until: datetime


@dataclass(kw_only=True)
class Talk:
    """Turns of conversations, in the order of time within each."""

    events: list[UsageEvent]
    facts: list[Told]

    def add(self, other: "Talk") -> None:
        self.events += other.events
        self.facts += other.facts


@dataclass(frozen=True, kw_only=True)
class Keeper:
    """Whose conversations are kept, where, and at which price."""

    api_key: ApiKey
    price: PriceVersion
    engine: Engine
    chance: random.Random


def talks_between(start: datetime, end: datetime, *, of: Keeper) -> Talk:
    """Some on each working day; those near `end` still run."""
    talk = Talk(events=[], facts=[])
    day = start.replace(hour=8, minute=0, second=0, microsecond=0)
    while day < end:
        for _ in range(of.chance.randint(1, 4) if day.weekday() < _SATURDAY else 0):
            at = day + timedelta(hours=of.chance.uniform(0, _SPREAD_HOURS))
            talk.add(_conversation(at, end, of))
        day += timedelta(days=1)
    return talk


def talks_now(end: datetime, *, of: Keeper) -> Talk:
    """Five whose last turn was a moment ago, so that their KV is kept now."""
    talk = Talk(events=[], facts=[])
    for number in range(5):
        at = end - timedelta(seconds=20 + 70 * number)
        talk.add(_conversation(at, end, of))
    return talk


def _conversation(at: datetime, end: datetime, of: Keeper) -> Talk:
    chance, talk = of.chance, Talk(events=[], facts=[])
    tokens, previous = chance.randint(4_000, 14_000), ""
    for _ in range(chance.randint(2, 5)):
        if at >= end:
            break
        kept = tokens // BLOCK_TOKENS * BLOCK_TOKENS if previous else 0
        tokens += chance.randint(200, 1_500)
        turn = call(
            api_key=of.api_key,
            price=of.price,
            engine_id=of.engine.pk,
            at=at,
            input_tokens=tokens,
            cached_input_tokens=kept,
            output_tokens=chance.randint(80, 700),
            chance=chance,
        )
        event = _leased(turn, of, leased=kept, previous=previous)
        pause = timedelta(seconds=chance.choice(_PAUSES_SECONDS))
        talk.events.append(event)
        talk.facts += _facts(event, until=min(time_of(event) + pause, end), end=end)
        if pause.total_seconds() > KEPT_SECONDS:
            break
        previous, at = event.lease_id, at + pause
    return talk


def _leased(event: UsageEvent, of: Keeper, *, leased: int, previous: str) -> UsageEvent:
    """Its lease is charged for all of its time; what it is not kept is given back."""
    cost = storage_nanos(
        event.input_tokens * TOKEN_BYTES,
        time_ms=KEPT_SECONDS * 1000,
        rate_nanos_per_million=of.price.hbm_mb_s_nanos_per_million or 0,
    )
    return with_cost(
        event,
        of.price,
        leased_input_tokens=leased,
        previous_lease_id=previous,
        lease_id=f"{of.chance.getrandbits(128):032x}",
        lease_expires_at_us=event.happened_at_us + KEPT_SECONDS * 1_000_000,
        lease_cost_nanos=cost,
    )


def _facts(event: UsageEvent, *, until: datetime, end: datetime) -> Iterator[Told]:
    at = time_of(event)
    expires = at + timedelta(seconds=KEPT_SECONDS)
    held = Told(
        at=at,
        fact=Fact.GRANTED,
        lease_id=event.lease_id,
        tenant_id=event.tenant_id,
        tier=Tier.HBM,
        tokens=event.input_tokens,
        until=expires,
    )
    yield held
    demoted_at = at + timedelta(seconds=_GPU_SECONDS)
    if demoted_at < min(until, end):
        held = replace(held, at=demoted_at, fact=Fact.DEMOTED, tier=Tier.HOST)
        yield held
    if until >= end:
        return
    fact = Fact.REUSED if until < expires else Fact.EXPIRED
    yield replace(held, at=min(until, expires), fact=fact)


def tell_leases(engine: Engine, facts: Iterable[Told], *, now: datetime) -> None:
    """As the collector does: numbered in the order of time, into the books, and what
    has ended is measured.
    """
    cursor = LeaseCursor.objects.get_or_create(engine=engine)[0]
    asked_ms = _ms(now)
    if not cursor.epoch:
        begun = LeaseEvents(epoch=EPOCH, last_sequence=0, receipts=[])
        cursor = store_lease_events(cursor, begun, asked_ms=asked_ms)
    ordered = sorted(facts, key=lambda one: one.at)
    receipts = [
        _receipt(told, cursor.sequence + number, engine)
        for number, told in enumerate(ordered, start=1)
    ]
    if receipts:
        told = LeaseEvents(
            epoch=EPOCH, last_sequence=receipts[-1].sequence, receipts=receipts
        )
        store_lease_events(cursor, told, asked_ms=asked_ms)
    measure_leases(now=now)


def _receipt(told: Told, sequence: int, engine: Engine) -> LeaseReceipt:
    return LeaseReceipt(
        sequence=sequence,
        epoch=EPOCH,
        engine_id=engine.name,
        fact=told.fact,
        lease_id=told.lease_id,
        tenant_id=str(told.tenant_id),
        lease_class=LeaseClass.ELASTIC,
        tier=told.tier,
        blocks=told.tokens // BLOCK_TOKENS,
        tokens=told.tokens,
        bytes=told.tokens * TOKEN_BYTES,
        last_hash="",
        until_ms=_ms(told.until) + GRACE_MS,
        host_until_ms=0,
        at_ms=_ms(told.at),
    )


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
