"""Engines that could hold a cached prompt, asked just now."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.utils.translation import gettext

from inference.domain.lease_control import EngineLeases
from inference.domain.lease_terms import Tier
from inference.errors import (
    CachedPromptsUnavailableError,
    EngineSilentError,
    LeasesNotOfferedError,
)
from inference.models import Engine, EngineState, ServedModel
from inference.services.refresh_capacity import refresh_capacity

ENGINES_ASKED_MAX = 16
_MISSING = {
    Tier.HOST: "its engines have no host memory for leases",
    Tier.DISK: "its engines have no disk for leases",
}


@dataclass(frozen=True, kw_only=True)
class FoundEngine:
    engine: Engine
    told: EngineLeases

    def blocks_for(self, tokens: int) -> int:
        return -(-tokens // self.told.block_tokens)

    def free_blocks(self, tier: Tier) -> int:
        """By the engine's own count, with the leases of conversations."""
        if tier is Tier.HOST:
            return self.told.host_blocks_max - self.told.host_blocks
        if tier is Tier.DISK:
            return self.told.disk_blocks_max - self.told.disk_blocks
        return self.told.caps.all_leases - self.told.held_blocks


def find_engines(
    served_model: ServedModel,
    *,
    tier: Tier,
    now: datetime,
    without: Collection[int] = (),
) -> list[FoundEngine]:
    """That answer, take work and hold leases in `tier`, which is not `auto`; the one
    with the most room first. Refreshes what the ledger knows of them.

    Raises CachedPromptsUnavailableError if none answers, and LeasesNotOfferedError with
    the engines' reason if none of these can.
    """
    found, reason = [], ""
    for engine in serving(served_model).exclude(pk__in=without)[:ENGINES_ASKED_MAX]:
        try:
            told = refresh_capacity(engine, now=now)
        except EngineSilentError:
            continue
        if obstacle := _obstacle(told, tier):
            reason = obstacle
        else:
            found.append(FoundEngine(engine=engine, told=told))
    if reason and not found:
        raise LeasesNotOfferedError(
            gettext("The model %(name)s gives no such leases: %(reason)s.")
            % {"name": served_model.name, "reason": reason},
            param="tier",
        )
    if not found:
        raise CachedPromptsUnavailableError(
            gettext(
                "No engine of the model %(name)s answers right now. Please retry in a"
                " few seconds."
            )
            % {"name": served_model.name}
        )
    return sorted(found, key=lambda one: -one.free_blocks(tier))


def serving(served_model: ServedModel) -> QuerySet[Engine]:
    """Engines that are given work, also one that has just started: whether it answers
    is not known here before the next check of its health.
    """
    there = Engine.objects.exclude(state=EngineState.UNREACHABLE)
    return (
        there.filter(served_model=served_model, is_draining=False)
        .select_related("served_model")
        .order_by("pk")
    )


def _obstacle(told: EngineLeases, tier: Tier) -> str:
    there = {Tier.HOST: told.host_blocks_max, Tier.DISK: told.disk_blocks_max}
    return told.unsupported or ("" if there.get(tier, 1) else _MISSING[tier])
