"""The calls of a month: busy by day and quiet by night, no two alike."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from billing.domain.money import UNITS_PER_RATE
from billing.models.prices import PriceVersion
from config.demo.characters import Character
from metering.domain.leased import split_input
from metering.wire import USAGE_EVENT_SCHEMA, Outcome, UsageEvent, UsageSource
from tenants.models import ApiKey

_HOUR = timedelta(hours=1)
_HALVES = (11, 16)
"""Hours, UTC."""
_ENDPOINTS = ("chat.completions", "messages", "responses")
_OUTCOMES = (Outcome.COMPLETED, Outcome.CLIENT_GONE, Outcome.ENGINE_FAILED)
_SECOND_US = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Counter:
    """Where a tenant's calls are made: with which keys, at which prices."""

    character: Character
    keys: Sequence[tuple[ApiKey, int]]
    """With their shares."""
    prices: Sequence[PriceVersion]
    """Of the two models, in the order of the catalogue."""
    engine_id: int
    dense_from: datetime
    """Before it the calls of half a day are in one hour: rolling up costs the same for
    each hour in use, and pages show what is so old by days."""


def calls_between(
    counter: Counter,
    start: datetime,
    end: datetime,
    *,
    story: tuple[datetime, datetime],
    chance: random.Random,
) -> list[UsageEvent]:
    """In the order of time."""
    found: list[UsageEvent] = []
    begin, over = story
    for hour, expected in _hours(counter, start, end, begin=begin, over=over):
        for _ in range(_number(expected, chance)):
            at = hour + timedelta(seconds=chance.uniform(0, 3599))
            if at < end:
                found.append(_call(counter, at, chance))
    return sorted(found, key=lambda one: one.happened_at_us)


def _hours(
    counter: Counter,
    start: datetime,
    end: datetime,
    *,
    begin: datetime,
    over: datetime,
) -> Iterator[tuple[datetime, float]]:
    """Hours in which something is called, and how often about."""
    hour, gathered = start, 0.0
    while hour < end:
        progress = (hour - begin) / (over - begin)
        gathered += counter.character.busy(progress, hour)
        if hour >= counter.dense_from or hour.hour in _HALVES:
            yield hour, gathered
            gathered = 0.0
        hour += _HOUR


def _number(expected: float, chance: random.Random) -> int:
    """Around `expected`; a fraction is a chance of one more."""
    wanted = expected * chance.uniform(0.5, 1.5)
    return int(wanted) + (chance.random() < wanted % 1)


def _call(counter: Counter, at: datetime, chance: random.Random) -> UsageEvent:
    character = counter.character
    keys, shares = zip(*counter.keys, strict=True)
    price = chance.choices(counter.prices, weights=character.models)[0]
    input_tokens = int(character.input_tokens * chance.lognormvariate(-0.3, 0.7))
    input_tokens = min(max(input_tokens, 40), 60_000 + chance.randrange(400))
    hits = chance.random() < min(1.0, character.cached_share * 1.6)
    cached = int(input_tokens * chance.uniform(0.4, 0.9)) if hits else 0
    return call(
        api_key=chance.choices(keys, weights=shares)[0],
        price=price,
        engine_id=counter.engine_id,
        at=at,
        input_tokens=input_tokens,
        cached_input_tokens=cached // 16 * 16,
        output_tokens=max(
            1, int(character.output_tokens * chance.lognormvariate(-0.4, 0.9))
        ),
        chance=chance,
    )


def call(
    *,
    api_key: ApiKey,
    price: PriceVersion,
    engine_id: int,
    at: datetime,
    input_tokens: int,
    cached_input_tokens: int,
    output_tokens: int,
    chance: random.Random,
) -> UsageEvent:
    happened = int(at.timestamp()) * _SECOND_US + chance.randrange(_SECOND_US)
    first = 60_000 + (input_tokens - cached_input_tokens) * 9 + chance.randrange(90_000)
    took = first + output_tokens * chance.randrange(11_000, 26_000)
    streamed = chance.random() < 0.7  # noqa: PLR2004  most are
    outcome = chance.choices(_OUTCOMES, weights=(970, 25, 5))[0]
    event = UsageEvent(
        schema=USAGE_EVENT_SCHEMA,
        event_id=f"{happened // 1000:012x}{chance.getrandbits(80):020x}",
        tenant_id=api_key.tenant_id,
        project_id=api_key.project_id,
        api_key_id=api_key.pk,
        model=price.served_model.name,
        engine_id=engine_id,
        price_version_id=price.pk,
        endpoint=chance.choices(_ENDPOINTS, weights=(7, 2, 1))[0],
        streamed=streamed,
        outcome=outcome,
        usage_source=UsageSource.ENGINE,
        input_tokens=input_tokens,
        cached_input_tokens=cached_input_tokens,
        cache_write_tokens=0,
        output_tokens=output_tokens,
        reasoning_tokens=0,
        received_at_us=happened - took,
        first_token_at_us=happened - took + first if streamed else None,
        happened_at_us=happened,
        sent_at_us=happened - took + 1_500,
    )
    return with_cost(event, price)


def with_cost(event: UsageEvent, price: PriceVersion, **changes: object) -> UsageEvent:
    """With `changes`, and then what the money limits were charged: rounded up. The cost
    of its lease is taken as it is.
    """
    event = msgspec.structs.replace(event, **changes)
    tokens = split_input(
        input_tokens=event.input_tokens,
        cached_input_tokens=event.cached_input_tokens,
        leased_input_tokens=event.leased_input_tokens,
    )
    parts = (
        tokens.new * price.new_input_nanos_per_million
        + tokens.cached * price.cached_input_nanos_per_million
        + event.output_tokens * price.output_nanos_per_million
    )
    cost = -(-parts // UNITS_PER_RATE) + event.lease_cost_nanos
    return msgspec.structs.replace(event, cost_nanos=cost)


def time_of(event: UsageEvent) -> datetime:
    """When it ended, to the second before."""
    return datetime.fromtimestamp(event.happened_at_us // _SECOND_US, UTC)
