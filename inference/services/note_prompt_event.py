"""One line in the history of a cached prompt."""

from datetime import datetime

from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptEvent,
    CachedPromptPlacement,
    EventKind,
)

REASON_CHARACTERS_MAX = 200


def note_prompt_event(
    prompt: CachedPrompt,
    kind: EventKind,
    *,
    now: datetime,
    placement: CachedPromptPlacement | None = None,
    reason: str = "",
) -> None:
    """In the caller's transaction, with what it tells of."""
    lease_id = placement.lease_id if placement else None
    CachedPromptEvent.objects.create(
        cached_prompt=prompt,
        tenant_id=prompt.tenant_id,
        kind=kind,
        engine_id=placement.engine_id if placement else None,
        lease_id=lease_id.hex if lease_id else "",
        tokens=placement.retained_tokens if placement else 0,
        reason=reason[:REASON_CHARACTERS_MAX],
        happened_at=now,
    )
