"""Put a cached prompt on one more engine: room held, computed, committed."""

from collections.abc import Collection
from datetime import datetime

from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptPlacement,
    EventKind,
)
from inference.domain.lease_terms import Tier
from inference.errors import (
    CachedPromptError,
    CapacityExhaustedError,
    ProxyRefusedError,
)
from inference.services.find_engines import FoundEngine, find_engines
from inference.services.hold_place import NoRoomError, hold_place
from inference.services.release_placements import void_placements
from inference.services.warm_placement import warm_placement

_FULL = "kv_capacity_exhausted"


def tier_of_room(tier: str) -> Tier:
    """Whose room a prompt takes that asked for `tier`: an automatic one begins in HBM,
    and its copy in host memory is the engine's to make where it fits.
    """
    return Tier.HBM if tier == Tier.AUTO else Tier(tier)


def place_cached_prompt(
    prompt: CachedPrompt,
    *,
    tokens: int,
    now: datetime,
    is_at_our_cost: bool,
    without: Collection[int] = (),
    replaced: CachedPromptPlacement | None = None,
) -> CachedPromptPlacement:
    """On the engine with the most room, else on the next; never on those in `without`.
    `replaced` is void afterwards; what it holds is to be released then.

    Raises CapacityExhaustedError if none has room, and CachedPromptError.
    """
    tier = tier_of_room(prompt.tier)
    found = find_engines(prompt.served_model, tier=tier, now=now, without=without)
    for one in found:
        placement = _held(prompt, one, tier=tier, tokens=tokens, now=now)
        if placement and _warmed(placement, replaced, is_at_our_cost=is_at_our_cost):
            return placement
    raise no_room(prompt, tokens=tokens)


def no_room(prompt: CachedPrompt, *, tokens: int) -> CapacityExhaustedError:
    return CapacityExhaustedError(
        f"There is no room for {tokens} tokens of the class {prompt.lease_class} in "
        f"the tier {prompt.tier} right now. Retry later, or take an alternative.",
        tokens=tokens,
    )


def _held(
    prompt: CachedPrompt,
    found: FoundEngine,
    *,
    tier: Tier,
    tokens: int,
    now: datetime,
) -> CachedPromptPlacement | None:
    blocks = found.blocks_for(tokens)
    try:
        return hold_place(prompt, found.engine, tier=tier, blocks=blocks, now=now)
    except NoRoomError:
        return None


def _warmed(
    placement: CachedPromptPlacement,
    replaced: CachedPromptPlacement | None,
    *,
    is_at_our_cost: bool,
) -> bool:
    """False: the engine itself had no room, whatever our books say."""
    try:
        warm_placement(
            placement,
            kind=EventKind.WARMED,
            is_at_our_cost=is_at_our_cost,
            replaced=replaced,
        )
    except ProxyRefusedError as refusal:
        _give_back(placement)
        if refusal.error.get("code") != _FULL:
            raise
        return False
    except CachedPromptError:
        _give_back(placement)
        raise
    return True


def _give_back(placement: CachedPromptPlacement) -> None:
    void_placements(CachedPromptPlacement.objects.filter(pk=placement.pk))
