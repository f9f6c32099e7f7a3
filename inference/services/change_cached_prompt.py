"""Another end, another tier, or whether it renews itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext

from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptPlacement,
    EventKind,
)
from inference.domain.lease_terms import Tier
from inference.domain.prompt_asked import end_of, ttl_fault
from inference.errors import (
    CachedPromptError,
    CachedPromptNotFoundError,
    CachedPromptsUnavailableError,
)
from inference.services.claim_placement import claim_placement, unclaim_placement
from inference.services.follow_placements import follow_placements
from inference.services.note_prompt_event import note_prompt_event
from inference.services.place_cached_prompt import place_cached_prompt, tier_of_room
from inference.services.publish_cached_prompts import publish_cached_prompts
from inference.services.release_placements import release_placements


@dataclass(frozen=True, kw_only=True)
class PromptChange:
    """None: as it was."""

    ttl_seconds: int | None = None
    """From now on."""
    expires_at: datetime | None = None
    """Goes with `ttl_seconds`, which is then so long as until there."""
    auto_renew: bool | None = None
    tier: Tier | None = None


def change_cached_prompt(
    prompt: CachedPrompt, change: PromptChange, *, now: datetime
) -> CachedPrompt:
    """The prompt as it is then. A change of the tier moves it there, at our cost, or
    leaves everything as it was.

    Raises CachedPromptError.
    """
    if change.ttl_seconds is not None and (fault := ttl_fault(change.ttl_seconds)):
        raise CachedPromptError(
            gettext("Invalid value for ttl: %(fault)s.") % {"fault": fault}, param="ttl"
        )
    former = prompt.tier
    if change.tier is not None and change.tier != former:
        _write_tier(prompt, change.tier)
        try:
            _move(prompt, now=now)
        except CachedPromptError:
            _write_tier(prompt, Tier(former))
            raise
    _write(prompt.pk, change, now=now)
    release_placements(now=now, cached_prompt_id=prompt.pk)
    prompt.refresh_from_db()
    return prompt


def _write_tier(prompt: CachedPrompt, tier: Tier) -> None:
    CachedPrompt.objects.living().filter(pk=prompt.pk).update(tier=tier)
    prompt.tier = tier


def _move(prompt: CachedPrompt, *, now: datetime) -> None:
    """Every place of another tier. An automatic one begins where an `hbm` one lies."""
    tier = tier_of_room(prompt.tier)
    for placement in prompt.placements.committed().exclude(tier=tier):
        placement.cached_prompt = prompt
        move_placement(placement, tokens=prompt.token_count, now=now)


def move_placement(
    placement: CachedPromptPlacement, *, tokens: int, now: datetime
) -> None:
    """To the prompt's tier, on whichever engine has room and not yet the prompt.

    Raises CachedPromptError; then it lies where it lay.
    """
    if not claim_placement(placement, now=now):
        raise CachedPromptsUnavailableError(
            gettext(
                "The cached prompt is being renewed right now. Please retry in a"
                " minute."
            )
        )
    prompt = placement.cached_prompt
    there = prompt.placements.occupying().filter(tier=tier_of_room(prompt.tier))
    try:
        place_cached_prompt(
            prompt,
            tokens=tokens,
            now=now,
            is_at_our_cost=True,
            without=list(there.values_list("engine_id", flat=True)),
            replaced=placement,
        )
    except CachedPromptError:
        unclaim_placement(placement)
        raise


@transaction.atomic
def _write(cached_prompt_id: int, change: PromptChange, *, now: datetime) -> None:
    rows = CachedPrompt.objects.select_for_update().living().defer("content")
    prompt = rows.filter(pk=cached_prompt_id).first()
    if prompt is None:
        raise CachedPromptNotFoundError(gettext("The cached prompt has ended."))
    if change.ttl_seconds is not None:
        prompt.ttl_seconds = change.ttl_seconds
        end = end_of(now=now, ttl_seconds=change.ttl_seconds)
        prompt.expires_at = change.expires_at or end
    if change.auto_renew is not None:
        prompt.auto_renew = change.auto_renew
    prompt.save(update_fields=["ttl_seconds", "expires_at", "auto_renew"])
    note_prompt_event(prompt, EventKind.CHANGED, now=now, reason=_told(change))
    follow_placements(prompt, now=now)
    transaction.on_commit(publish_cached_prompts, robust=True)


def _told(change: PromptChange) -> str:
    told = []
    if change.ttl_seconds is not None:
        told.append(f"ttl {timedelta(seconds=change.ttl_seconds)}")
    if change.auto_renew is not None:
        told.append(f"auto_renew {'on' if change.auto_renew else 'off'}")
    if change.tier is not None:
        told.append(f"tier {change.tier}")
    return ", ".join(told)
