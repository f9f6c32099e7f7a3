"""No room: what there is instead, for how much, and when to ask again."""

from typing import Any

from django.http import JsonResponse
from django.utils import timezone

from billing.api.documents import amount_text
from billing.api.refusals import refused
from billing.domain.lease_cost import HOUR_MS, storage_nanos
from billing.services.prices.read_lease_rates import (
    NOT_SOLD,
    LeaseRates,
    read_lease_rates,
)
from inference.domain.lease_terms import LeaseClass, Tier
from inference.errors import CapacityExhaustedError
from inference.models import ServedModel
from inference.services.read_room import TierRoom, read_room
from tenants.models import ApiKey

_RETRY_SECONDS_MIN = 5
_RETRY_SECONDS_MAX = 3600


def capacity_refusal(
    error: CapacityExhaustedError,
    *,
    model: ServedModel,
    api_key: ApiKey,
    lease_class: LeaseClass,
) -> JsonResponse:
    rooms = {
        one: read_room(model, tenant_id=api_key.tenant_id, lease_class=one)
        for one in LeaseClass
    }
    rates = read_lease_rates(
        [model.pk], tenant_id=api_key.tenant_id, now=timezone.now()
    ).get(model.pk, NOT_SOLD)
    asked = rooms[lease_class]
    return refused(
        error.code,
        str(error),
        available={tier: _available(room) for tier, room in asked.items()},
        retry_after=_retry_after(asked),
        currency=api_key.tenant.currency,
        alternatives=[
            _alternative(room, one, rates, tokens=error.tokens)
            for one, found in rooms.items()
            for room in found.values()
            if _fits(room, error.tokens) and rates.of(room.tier) is not None
        ],
    )


def _available(room: TierRoom) -> dict[str, int]:
    return {"tokens": room.free_tokens, "bytes": room.free_bytes}


def _fits(room: TierRoom, tokens: int) -> bool:
    return room.blocks_for(tokens) <= room.free_blocks


def _alternative(
    room: TierRoom, lease_class: LeaseClass, rates: LeaseRates, *, tokens: int
) -> dict[str, Any]:
    size = tokens // room.block_tokens * room.block_bytes
    per_hour = storage_nanos(
        size,
        time_ms=HOUR_MS,
        rate_nanos_per_million=rates.of(room.tier) or 0,
    )
    return {
        "tier": room.tier,
        "class": lease_class,
        "cost_per_hour": amount_text(per_hour),
    }


def _retry_after(rooms: dict[Tier, TierRoom]) -> int:
    """When the first prompt ends."""
    ends = [room.next_end_at for room in rooms.values() if room.next_end_at]
    if not ends:
        return _RETRY_SECONDS_MAX
    seconds = int((min(ends) - timezone.now()).total_seconds()) + 1
    return min(max(seconds, _RETRY_SECONDS_MIN), _RETRY_SECONDS_MAX)
