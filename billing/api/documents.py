"""Cached prompts and quotes as the API shows them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from billing.domain.lease_cost import HOUR_MS, storage_nanos
from billing.services.prices.quote_lease import Quote, TierQuote
from billing.services.prices.read_lease_rates import NOT_SOLD, LeaseRates
from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptEvent,
    CachedPromptPlacement,
)
from inference.lease_models import Lease
from metering.domain.amounts import decimal_amount

_DIGITS = 9


def prompt_documents(
    prompts: Sequence[CachedPrompt], rates: dict[int, LeaseRates]
) -> list[dict[str, Any]]:
    """`rates` by model. Three queries, however many prompts."""
    rows = CachedPromptPlacement.objects.committed().filter(cached_prompt__in=prompts)
    placements: dict[int, list[CachedPromptPlacement]] = {one.pk: [] for one in prompts}
    for row in rows.order_by("pk"):
        placements[row.cached_prompt_id].append(row)
    held = _held(row.lease_id for found in placements.values() for row in found)
    return [
        _prompt(one, placements[one.pk], held, rates.get(one.served_model_id, NOT_SOLD))
        for one in prompts
    ]


def _held(lease_ids: Iterable[UUID | None]) -> dict[UUID, tuple[str, int]]:
    """(tier, milliseconds of the latest proof) of leases that the collector knows."""
    rows = Lease.objects.held().filter(lease_id__in=[one for one in lease_ids if one])
    found = rows.values_list("lease_id", "tier", F("engine__lease_cursor__proven_ms"))
    return {lease_id: (tier, proven_ms or 0) for lease_id, tier, proven_ms in found}


def _prompt(
    prompt: CachedPrompt,
    placements: list[CachedPromptPlacement],
    held: dict[UUID, tuple[str, int]],
    rates: LeaseRates,
) -> dict[str, Any]:
    there = [one for one in placements if not one.is_lost]
    first = placements[0] if placements else None
    retained = first.retained_tokens if first else 0
    per_token = first.bytes // retained if first and retained else None
    return {
        "id": prompt.shown_id,
        "object": "cached_prompt",
        "name": prompt.name,
        "model": prompt.served_model.name,
        "status": prompt.status,
        "token_count": prompt.token_count,
        "retained_tokens": retained,
        "block_size": retained // first.blocks if first else None,
        "kv_bytes": sum(one.bytes for one in there),
        "kv_bytes_per_token": per_token,
        "content_sha256": prompt.content_sha256,
        "tier": prompt.tier,
        "class": prompt.lease_class,
        "replicas": prompt.engine_count,
        "locations": _locations(there, held),
        "ttl": f"{prompt.ttl_seconds}s",
        "auto_renew": prompt.auto_renew,
        "created_at": time_text(prompt.created_at),
        "expires_at": time_text(prompt.expires_at),
        "ended_at": time_text(prompt.ended_at),
        "verified_at": _verified_at(there, held),
        "price": _price(there, held, rates),
    }


def _tier(placement: CachedPromptPlacement, held: dict[UUID, tuple[str, int]]) -> str:
    """Where it lies by the engine's receipts; until they come, where it was put."""
    known = held.get(placement.lease_id) if placement.lease_id else None
    return known[0] if known else placement.tier


def _locations(
    placements: list[CachedPromptPlacement], held: dict[UUID, tuple[str, int]]
) -> list[dict[str, Any]]:
    tiers = Counter(_tier(one, held) for one in placements)
    return [{"tier": tier, "replicas": count} for tier, count in sorted(tiers.items())]


def _verified_at(
    placements: list[CachedPromptPlacement], held: dict[UUID, tuple[str, int]]
) -> str | None:
    """The oldest proof of those that are needed: all of it was there then."""
    proofs = [
        max(
            int(one.verified_at.timestamp() * 1000) if one.verified_at else 0,
            held.get(one.lease_id, ("", 0))[1] if one.lease_id else 0,
        )
        for one in placements
    ]
    if not proofs:
        return None
    seconds, milliseconds = divmod(min(proofs), 1000)
    at = datetime.fromtimestamp(seconds, UTC)
    return time_text(at.replace(microsecond=milliseconds * 1000))


def _price(
    placements: list[CachedPromptPlacement],
    held: dict[UUID, tuple[str, int]],
    rates: LeaseRates,
) -> dict[str, Any]:
    per_hour = sum(
        storage_nanos(one.bytes, time_ms=HOUR_MS, rate_nanos_per_million=rate)
        for one in placements
        if (rate := rates.of(_tier(one, held))) is not None
    )
    return {
        "unit": "MB_s",
        "currency": rates.currency,
        "hbm_nanos_per_million": rates.hbm,
        "host_nanos_per_million": rates.host,
        "disk_nanos_per_million": rates.disk,
        "cost_per_hour": amount_text(per_hour),
    }


def event_document(event: CachedPromptEvent) -> dict[str, Any]:
    return {
        "id": f"cpe_{event.pk}",
        "object": "cached_prompt.event",
        "type": event.kind,
        "created_at": time_text(event.happened_at),
        "kv_lease": f"kvl_{event.lease_id}" if event.lease_id else None,
        "tokens": event.tokens,
        "reason": event.reason or None,
    }


def quote_document(
    quote: Quote, *, currency: str, time_ms: int, turns_per_hour: int | None
) -> dict[str, Any]:
    turns = None if turns_per_hour is None else turns_per_hour * time_ms // HOUR_MS
    return {
        "object": "kv_quote",
        "model": quote.model,
        "tokens": quote.tokens,
        "seconds": time_ms / 1000,
        "turns": turns,
        "currency": currency,
        "tiers": [_tier_document(one, turns) for one in quote.tiers],
    }


def _tier_document(quote: TierQuote, turns: int | None) -> dict[str, Any]:
    cost = quote.cost
    document: dict[str, Any] = {
        "tier": quote.tier,
        "bytes": quote.size,
        "available": quote.is_available,
        "available_tokens": quote.free_tokens,
        "offered": cost is not None,
    }
    if cost is None:
        return document
    saved = None if turns is None else turns * cost.saved_nanos_per_turn
    return document | {
        "MB_s": cost.mb_s,
        "cost": amount_text(cost.cost_nanos),
        "input_saved_per_turn": amount_text(cost.saved_nanos_per_turn),
        "break_even_turns": cost.break_even_turns,
        "break_even_seconds": cost.break_even_seconds,
        "input_saved": None if saved is None else amount_text(saved),
        "net_saved": None if saved is None else _signed(saved - cost.cost_nanos),
    }


def amount_text(amount_nanos: int) -> str:
    return decimal_amount(amount_nanos, digits=_DIGITS)


def _signed(amount_nanos: int) -> str:
    sign = "-" if amount_nanos < 0 else ""
    return sign + amount_text(abs(amount_nanos))


def time_text(at: datetime | None) -> str | None:
    """RFC 3339, UTC, to the millisecond."""
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
