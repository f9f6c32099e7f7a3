"""As many engines hold a prompt as were bought, whatever becomes of an engine."""

from datetime import datetime, timedelta

from django.db.models import Count, F, Q, QuerySet

from inference.cached_prompt_models import (
    OCCUPYING,
    USABLE,
    CachedPrompt,
    CachedPromptPlacement,
)
from inference.domain.lease_terms import Tier
from inference.errors import CachedPromptError
from inference.models import EngineState
from inference.services.change_cached_prompt import move_placement
from inference.services.claim_placement import unclaimed
from inference.services.hold_place import CLAIMED_FOR
from inference.services.place_cached_prompt import place_cached_prompt

AT_ONCE_MAX = 5
GONE_AFTER = timedelta(seconds=30)
"""An engine that has not answered for so long is not waited for."""
_FAILURES_MAX = 3
"""After so many an engine that came back is not asked again if there is another."""
_RETRY_AFTER = timedelta(seconds=15)


def place_missing(*, now: datetime) -> int:
    """How many were placed on another engine; at our cost."""
    moved = [_move(row, now) for row in _misplaced(now)[:AT_ONCE_MAX]]
    placed = [_place(prompt, now) for prompt in _incomplete(now)[:AT_ONCE_MAX]]
    return sum(moved) + sum(placed)


def _misplaced(now: datetime) -> QuerySet[CachedPromptPlacement]:
    is_gone = Q(engine__state=EngineState.UNREACHABLE) & (
        Q(engine__ready_at__isnull=True) | Q(engine__ready_at__lt=now - GONE_AFTER)
    )
    is_refusing = Q(is_lost=True, failures__gte=_FAILURES_MAX, refusal="")
    is_elsewhere = ~Q(tier=F("cached_prompt__tier")) & ~Q(
        tier=Tier.HBM, cached_prompt__tier=Tier.AUTO
    )
    rows = CachedPromptPlacement.objects.committed().filter(
        unclaimed(now),
        is_gone | is_refusing | is_elsewhere | Q(engine__is_draining=True),
        Q(retry_at__isnull=True) | Q(retry_at__lte=now),
        cached_prompt__status__in=USABLE,
        cached_prompt__expires_at__gt=now,
    )
    return rows.select_related(
        "engine", "cached_prompt__served_model", "cached_prompt__api_key"
    ).order_by("pk")


def _move(placement: CachedPromptPlacement, now: datetime) -> bool:
    prompt = placement.cached_prompt
    try:
        move_placement(placement, tokens=prompt.token_count, now=now)
    except CachedPromptError:
        CachedPromptPlacement.objects.filter(pk=placement.pk).update(
            retry_at=now + _RETRY_AFTER
        )
        return False
    return True


def _incomplete(now: datetime) -> QuerySet[CachedPrompt]:
    places = Count("placements", filter=Q(placements__state__in=OCCUPYING))
    return (
        CachedPrompt.objects.usable()
        .filter(Q(retry_at__isnull=True) | Q(retry_at__lte=now), expires_at__gt=now)
        .annotate(places=places)
        .filter(places__lt=F("engine_count"))
        .select_related("served_model", "api_key")
        .order_by("pk")
    )


def _place(prompt: CachedPrompt, now: datetime) -> bool:
    """The time of the next try is the claim: of two runs one writes it."""
    ours = CachedPrompt.objects.filter(pk=prompt.pk, retry_at=prompt.retry_at)
    if prompt.retry_at is None:
        ours = CachedPrompt.objects.filter(pk=prompt.pk, retry_at__isnull=True)
    if not ours.update(retry_at=now + CLAIMED_FOR):
        return False
    retry_at: datetime | None = None
    taken = prompt.placements.occupying().values_list("engine_id", flat=True)
    try:
        place_cached_prompt(
            prompt,
            tokens=prompt.token_count,
            now=now,
            is_at_our_cost=True,
            without=list(taken),
        )
    except CachedPromptError:
        retry_at = now + _RETRY_AFTER
    CachedPrompt.objects.filter(pk=prompt.pk).update(retry_at=retry_at)
    return retry_at is None
