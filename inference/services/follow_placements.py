"""The status of a cached prompt follows its places."""

from datetime import datetime

from inference.cached_prompt_models import (
    USABLE,
    CachedPrompt,
    CachedPromptStatus,
)


def follow_placements(prompt: CachedPrompt, *, now: datetime) -> None:
    """In the caller's transaction, with the prompt's row locked."""
    held = prompt.placements.committed().filter(
        is_lost=False, lease_expires_at__gt=now, refusal=""
    )
    is_whole = held.count() >= prompt.engine_count
    status = CachedPromptStatus.READY if is_whole else CachedPromptStatus.DEGRADED
    if prompt.token_count and prompt.status in {*USABLE, CachedPromptStatus.WARMING}:
        prompt.status = status
        prompt.save(update_fields=["status"])
