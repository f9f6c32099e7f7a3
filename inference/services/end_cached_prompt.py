"""The end of a cached prompt: deleted, or its time is over."""

from datetime import datetime
from functools import partial

from django.db import transaction

from inference.cached_prompt_models import (
    LIVING,
    CachedPrompt,
    CachedPromptPlacement,
    CachedPromptStatus,
    EventKind,
)
from inference.services.note_prompt_event import note_prompt_event
from inference.services.publish_cached_prompts import (
    forget_content,
    publish_cached_prompts,
)
from inference.services.release_placements import release_placements, void_placements

_EVENTS = {
    CachedPromptStatus.DELETED: EventKind.DELETED,
    CachedPromptStatus.EXPIRED: EventKind.EXPIRED,
}


def delete_cached_prompt(prompt: CachedPrompt, *, now: datetime) -> bool:
    """False: it had ended already. Its storage is not charged from here on."""
    is_ended = end_cached_prompt(prompt.pk, CachedPromptStatus.DELETED, now=now)
    release_placements(now=now, cached_prompt_id=prompt.pk)
    return is_ended


@transaction.atomic
def end_cached_prompt(
    cached_prompt_id: int,
    status: CachedPromptStatus,
    *,
    now: datetime,
    reason: str = "",
) -> bool:
    """False: it had ended already. Its places are void; `release_placements` is to be
    called when that is committed. The content is not kept.
    """
    rows = CachedPrompt.objects.select_for_update().defer("content")
    prompt = rows.get(pk=cached_prompt_id)
    if prompt.status not in LIVING:
        return False
    void_placements(CachedPromptPlacement.objects.filter(cached_prompt=prompt))
    prompt.status, prompt.ended_at, prompt.content = status, now, ""
    prompt.save(update_fields=["status", "ended_at", "content"])
    note_prompt_event(prompt, _EVENTS[status], now=now, reason=reason)
    transaction.on_commit(publish_cached_prompts, robust=True)
    transaction.on_commit(partial(forget_content, prompt), robust=True)
    return True
