"""What it would cost to keep so many tokens for so long, before anything is bought."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from billing.domain.lease_cost import LeaseCost, lease_cost
from billing.services.prices.read_lease_rates import (
    NOT_SOLD,
    LeaseRates,
    read_lease_rates,
)
from inference.domain.lease_terms import LeaseClass, Tier
from inference.domain.prompt_content import PromptContent
from inference.errors import CachedPromptsUnavailableError, EngineSilentError
from inference.models import ServedModel
from inference.services.count_prompt import count_prompt
from inference.services.find_engines import find_engines
from inference.services.find_model import find_model
from inference.services.read_room import TierRoom, read_room
from tenants.models import ApiKey

TIERS = (Tier.HBM, Tier.HOST, Tier.DISK)


@dataclass(frozen=True, kw_only=True)
class TierQuote:
    tier: Tier
    size: int
    """Bytes, of whole blocks."""
    is_available: bool
    """There is room for it now."""
    free_tokens: int
    cost: LeaseCost | None
    """None: it is not sold, or no engine has such memory."""


@dataclass(frozen=True, kw_only=True)
class Quote:
    model: str
    tokens: int
    tiers: tuple[TierQuote, ...]


def quote_lease(
    api_key: ApiKey,
    *,
    model: str,
    prompt: int | PromptContent,
    time_ms: int,
    lease_class: LeaseClass,
    now: datetime,
    tier: Tier | None = None,
) -> Quote:
    """`prompt`: its tokens, or itself, for an engine to count. `tier`: None for all.

    Raises CachedPromptError; LeasesNotOfferedError with the reason where the model
    cannot be kept at all.
    """
    served_model = find_model(model, api_key=api_key)
    tokens = _tokens(served_model, prompt, now)
    rates = read_lease_rates(
        [served_model.pk], tenant_id=api_key.tenant_id, now=now
    ).get(served_model.pk, NOT_SOLD)
    rooms = read_room(
        served_model, tenant_id=api_key.tenant_id, lease_class=lease_class
    )
    tiers = [
        _tier_quote(room, rates, tokens=tokens, time_ms=time_ms)
        for one in TIERS
        if tier in {None, one} and (room := rooms.get(one))
    ]
    return Quote(model=served_model.name, tokens=tokens, tiers=tuple(tiers))


def _tokens(
    served_model: ServedModel, prompt: int | PromptContent, now: datetime
) -> int:
    """Asks the engines, which brings the ledger up to date as well."""
    found = find_engines(served_model, tier=Tier.HBM, now=now)[0]
    if isinstance(prompt, int):
        return prompt
    try:
        return count_prompt(found.engine, content=prompt.text)
    except EngineSilentError:
        raise CachedPromptsUnavailableError(
            gettext("The engine did not answer in time. Please retry in a few seconds.")
        ) from None


def _tier_quote(
    room: TierRoom, rates: LeaseRates, *, tokens: int, time_ms: int
) -> TierQuote:
    """Of whole blocks, as they are held: the rest at the end is read anew."""
    rate = rates.of(room.tier)
    held_blocks = tokens // room.block_tokens
    size = held_blocks * room.block_bytes
    return TierQuote(
        tier=room.tier,
        size=size,
        is_available=rate is not None and room.blocks_for(tokens) <= room.free_blocks,
        free_tokens=room.free_tokens,
        cost=None
        if rate is None
        else lease_cost(
            tokens=tokens,
            size=size,
            time_ms=time_ms,
            rate_nanos_per_million=rate,
            input_nanos_per_million=rates.input,
        ),
    )
