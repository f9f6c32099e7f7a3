"""Which beginnings of prompts recurred so much that holding them would have paid, and
how soon the next turn must come for a lease to pay.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.domain.advice import Keeping
from billing.domain.lease_cost import LeaseCost, lease_cost
from billing.domain.periods import Period
from billing.domain.repeats import (
    Beginning,
    CallInput,
    Storage,
    cost_of_holding,
    find_beginning,
    weigh,
)
from billing.services.prices.price_of import prices_of
from inference.capacity_models import EngineCapacity
from inference.models import ServedModel
from metering.domain.lease_intervals import METERS
from metering.models import UsageEvent
from tenants.models import Tenant

CALLS_READ = 3_000
"""The newest: so many are read in milliseconds, however many there are."""
RULE_TOKENS = 1_000
RULE_MS = 60_000
_FIELDS = (
    "api_key_id",
    "model",
    "happened_at",
    "input_tokens",
    "cached_input_tokens",
    "leased_input_tokens",
    "lease_id",
    "previous_lease_id",
)


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A beginning that a cached prompt could have held."""

    api_key_id: int
    model: str
    tier: str
    """Where holding it is cheapest."""
    beginning: Beginning
    keeping: Keeping


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Of RULE_TOKENS tokens, kept for a minute."""

    model: str
    tier: str
    anew: LeaseCost
    """Against reading them as new input."""
    cached: LeaseCost
    """Against finding them in the cache by luck."""


@dataclass(frozen=True, kw_only=True)
class KeepingAdvice:
    calls_read: int
    suggestions: list[Suggestion]
    """What surely saves the most first."""
    rules: list[Rule]
    leases_bought: int
    """By the calls that were read."""
    leases_continued: int


@dataclass(frozen=True, kw_only=True)
class _Rates:
    new: int
    cached: int
    tiers: dict[str, Storage]


def advise_keeping(
    tenant: Tenant, models: Collection[str], *, span: Period, now: datetime
) -> KeepingAdvice:
    """Of the newest calls of the span alone; `models` are those that were used."""
    calls = _calls(tenant, span)
    rates = _rates(tenant, models, now)
    return KeepingAdvice(
        calls_read=len(calls),
        suggestions=_suggestions(calls, rates),
        rules=[rule for model in sorted(rates) for rule in _rules(model, rates[model])],
        leases_bought=sum(row["lease_id"] is not None for row in calls),
        leases_continued=sum(row["previous_lease_id"] is not None for row in calls),
    )


def _calls(tenant: Tenant, span: Period) -> list[dict[str, Any]]:
    """Those that began with a cached prompt already are left out, and so are ours."""
    rows = UsageEvent.objects.of_tenant(tenant.pk).metered()
    rows = rows.between(span.start, span.end).filter(
        is_warming=False, cached_prompt_id=None
    )
    return list(rows.order_by("-happened_at").values(*_FIELDS)[:CALLS_READ])


def _rates(tenant: Tenant, models: Collection[str], now: datetime) -> dict[str, _Rates]:
    """Of the models whose KV is sold, and that some engine can keep."""
    served = ServedModel.objects.filter(name__in=models).values_list("pk", "name")
    names = dict(served)
    prices = prices_of(tenant.pk, at=now, served_model_ids=names)
    capacities = EngineCapacity.objects.filter(
        engine__served_model_id__in=names, sellable_blocks__gt=0, unsupported=""
    ).order_by("tier", "engine_id")
    tiers: dict[int, dict[str, Storage]] = defaultdict(dict)
    for row in capacities.select_related("engine"):
        price = prices.get(row.engine.served_model_id)
        rate = price.rates.of_meter(METERS[row.tier].value) if price else None
        if rate is not None:
            tiers[row.engine.served_model_id].setdefault(
                row.tier,
                Storage(
                    tier=row.tier,
                    block_tokens=row.block_tokens,
                    block_bytes=row.block_bytes,
                    rate_nanos_per_million=rate,
                ),
            )
    return {
        names[pk]: _Rates(
            new=prices[pk].new_input_nanos_per_million,
            cached=prices[pk].cached_input_nanos_per_million,
            tiers=found,
        )
        for pk, found in tiers.items()
    }


def _suggestions(
    calls: Iterable[dict[str, Any]], rates: dict[str, _Rates]
) -> list[Suggestion]:
    groups: dict[tuple[int, str], list[CallInput]] = defaultdict(list)
    for row in calls:
        groups[row["api_key_id"], row["model"]].append(
            CallInput(
                at=row["happened_at"],
                input_tokens=row["input_tokens"],
                cached_tokens=row["cached_input_tokens"],
                leased_tokens=row["leased_input_tokens"],
            )
        )
    found = [
        suggestion
        for (api_key_id, model), of_key in groups.items()
        if model in rates
        and (suggestion := _suggestion(api_key_id, model, of_key, rates[model]))
    ]
    return sorted(found, key=lambda one: -one.keeping.least_saved_nanos)


def _suggestion(
    api_key_id: int, model: str, calls: list[CallInput], rates: _Rates
) -> Suggestion | None:
    """In the memory in which it is cheapest."""
    best: Suggestion | None = None
    for storage in rates.tiers.values():
        beginning = find_beginning(calls, block_tokens=storage.block_tokens)
        if beginning is None:
            continue
        cost = cost_of_holding(beginning, storage, input_nanos_per_million=rates.new)
        if best is None or cost < best.keeping.with_nanos:
            best = Suggestion(
                api_key_id=api_key_id,
                model=model,
                tier=storage.tier,
                beginning=beginning,
                keeping=weigh(
                    beginning,
                    cost_nanos=cost,
                    new_rate=rates.new,
                    cached_rate=rates.cached,
                ),
            )
    return best


def _rules(model: str, rates: _Rates) -> list[Rule]:
    def against(storage: Storage, rate: int) -> LeaseCost:
        return lease_cost(
            tokens=RULE_TOKENS,
            size=RULE_TOKENS * storage.block_bytes // storage.block_tokens,
            time_ms=RULE_MS,
            rate_nanos_per_million=storage.rate_nanos_per_million,
            input_nanos_per_million=rate,
        )

    return [
        Rule(
            model=model,
            tier=storage.tier,
            anew=against(storage, rates.new),
            cached=against(storage, rates.cached),
        )
        for storage in rates.tiers.values()
    ]
