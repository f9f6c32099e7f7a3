"""Room that was held for nothing goes back."""

from datetime import datetime, timedelta

from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptPlacement,
    CachedPromptStatus,
    PlacementState,
)
from inference.services.release_placements import void_placements

HELD_FOR = timedelta(minutes=5)
"""Longer than anybody waits for an engine: who held it is gone."""


def void_stale_holds(*, now: datetime) -> int:
    """And prompts that nobody goes on making are forgotten; their name is free."""
    held = CachedPromptPlacement.objects.filter(
        state=PlacementState.HELD, held_at__lt=now - HELD_FOR
    )
    count = void_placements(held)
    unmade = CachedPrompt.objects.filter(
        status=CachedPromptStatus.WARMING, created_at__lt=now - HELD_FOR, token_count=0
    )
    CachedPromptPlacement.objects.filter(cached_prompt__in=unmade).delete()
    unmade.delete()
    return count
