"""Use, prices and invoices as a real tenant has them; made by the real services."""

import random
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from billing.models.price_books import PriceBook
from billing.models.prices import PriceVersion
from billing.services.rating.rate_usage import rate_usage
from inference.models import ServedModel
from metering.services.prepare_usage_partitions import prepare_usage_partitions
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from metering.wire import Outcome, UsageEvent
from tenants.models import ApiKey
from tests.factories import make_served_model
from tests.metering.journal import make_event

RATES = (100_000_000, 20_000_000, 400_000_000)
DEARER_RATES = (250_000_000, 50_000_000, 1_250_000_000)


def price(
    model: ServedModel, rates: tuple[int, int, int] = RATES, **more: Any
) -> PriceVersion:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return PriceVersion.objects.create(
        served_model=model,
        new_input_nanos_per_million=rates[0],
        cached_input_nanos_per_million=rates[1],
        output_nanos_per_million=rates[2],
        effective_from=begin,
        created_at=begin,
        **{"price_book": PriceBook.objects.list_book(), **more},
    )


def priced_model() -> PriceVersion:
    return price(
        make_served_model(),
        hbm_mb_s_nanos_per_million=13_500_000,
        host_mb_s_nanos_per_million=200_000,
    )


def priced_second_model() -> PriceVersion:
    model = make_served_model(
        name="qwen3-32b", title="Qwen3 32B", context_tokens=32_768, is_default=False
    )
    return price(model, DEARER_RATES)


def call(api_key: ApiKey, version: PriceVersion, at: datetime, **changes) -> UsageEvent:
    """1,200 input tokens, 700 of them cached, 90 output, streamed in 0.9 s."""
    happened = int(at.timestamp() * 1_000_000)
    return make_event(
        **{
            "tenant_id": api_key.tenant_id,
            "project_id": api_key.project_id,
            "api_key_id": api_key.pk,
            "model": version.served_model.name,
            "price_version_id": version.pk,
            "streamed": True,
            "input_tokens": 1_200,
            "cached_input_tokens": 700,
            "output_tokens": 90,
            "received_at_us": happened - 900_000,
            "first_token_at_us": happened - 760_000,
            "happened_at_us": happened,
            **changes,
        }
    )


def event_id_at(at: datetime) -> str:
    """As a proxy makes it: the time comes first."""
    return f"{int(at.timestamp() * 1000):012x}{secrets.token_hex(10)}"


def record(events: list[UsageEvent], now: datetime) -> None:
    """From the event to the draft invoice, as the running services do it."""
    prepare_usage_partitions(now)
    store_usage_events(events)
    while roll_up_usage():
        pass
    rate_usage(now=now)


def a_month_of_calls(
    keys: list[ApiKey], versions: list[PriceVersion], now: datetime
) -> list[UsageEvent]:
    """Busy by day, quiet by night and at weekends; the same in every run."""
    chance = random.Random(7)  # noqa: S311  looks, not secrets
    events = []
    for hours_ago in range(30 * 24):
        at = now - timedelta(hours=hours_ago)
        busy = 3 if 7 <= at.hour <= 19 and at.weekday() < 5 else 1
        calls = chance.randint(0, busy)
        events += [_one(chance, keys, versions, at) for _ in range(calls)]
    return events


def _one(
    chance: random.Random,
    keys: list[ApiKey],
    versions: list[PriceVersion],
    at: datetime,
) -> UsageEvent:
    input_tokens = chance.randint(200, 6_000)
    first = chance.randint(60_000, 420_000)
    took = first + chance.randint(200_000, 4_000_000)
    happened = int((at - timedelta(seconds=chance.randint(5, 900))).timestamp() * 1e6)
    streamed = chance.random() < 0.7
    return call(
        chance.choice(keys),
        chance.choices(versions, weights=[3, 1][: len(versions)])[0],
        at,
        input_tokens=input_tokens,
        cached_input_tokens=int(input_tokens * chance.choice((0, 0.2, 0.6, 0.8))),
        output_tokens=chance.randint(20, 900),
        streamed=streamed,
        outcome=Outcome.CLIENT_GONE if chance.random() < 0.03 else Outcome.COMPLETED,
        received_at_us=happened - took,
        first_token_at_us=happened - took + first if streamed else None,
        happened_at_us=happened,
    )
