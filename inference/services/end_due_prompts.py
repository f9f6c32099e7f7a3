"""Lives that are over end; those that renew themselves go on."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef

from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptPlacement,
    CachedPromptStatus,
    EventKind,
)
from inference.domain.prompt_life import is_life_to_be_renewed
from inference.services.end_cached_prompt import end_cached_prompt
from inference.services.note_prompt_event import note_prompt_event
from inference.services.publish_cached_prompts import publish_cached_prompts

AT_ONCE_MAX = 200
_LOOKED_AHEAD = timedelta(minutes=5)


def end_due_prompts(*, now: datetime) -> int:
    """How many ended."""
    for prompt_id in _renewing_soon(now):
        _renew_life(prompt_id, now=now)
    due = CachedPrompt.objects.living().filter(expires_at__lte=now)
    expired = CachedPromptStatus.EXPIRED
    ended = [
        end_cached_prompt(prompt_id, expired, now=now)
        for prompt_id in due.values_list("pk", flat=True)[:AT_ONCE_MAX]
    ]
    return sum(ended) + _end_refused(now)


def _renewing_soon(now: datetime) -> list[int]:
    living = CachedPrompt.objects.usable().filter(
        auto_renew=True, expires_at__lte=now + _LOOKED_AHEAD
    )
    return list(living.values_list("pk", flat=True)[:AT_ONCE_MAX])


@transaction.atomic
def _renew_life(cached_prompt_id: int, *, now: datetime) -> None:
    rows = CachedPrompt.objects.select_for_update(skip_locked=True).usable()
    prompt = rows.filter(pk=cached_prompt_id, auto_renew=True).defer("content").first()
    if prompt is None or not _is_due(prompt, now):
        return
    # From the end that was planned, unless that is long over: a control plane that was
    # away does not renew for the time that nobody held anything.
    begin = max(prompt.expires_at, now)
    prompt.expires_at = begin + timedelta(seconds=prompt.ttl_seconds)
    prompt.save(update_fields=["expires_at"])
    note_prompt_event(prompt, EventKind.CHANGED, now=now, reason="renewed itself")
    transaction.on_commit(publish_cached_prompts, robust=True)


def _is_due(prompt: CachedPrompt, now: datetime) -> bool:
    return is_life_to_be_renewed(
        now_ms=int(now.timestamp() * 1000),
        expires_at_ms=int(prompt.expires_at.timestamp() * 1000),
        ttl_ms=prompt.ttl_seconds * 1000,
    )


def _end_refused(now: datetime) -> int:
    """Those whose tenant was refused the next lease, once the last one has run out: the
    promise is kept as long as it was paid for.
    """
    placements = CachedPromptPlacement.objects.committed().filter(
        cached_prompt=OuterRef("pk")
    )
    paid = placements.exclude(refusal__gt="", lease_expires_at__lte=now)
    over = placements.filter(refusal__gt="", lease_expires_at__lte=now)
    refused = (
        CachedPrompt.objects.usable()
        .filter(Exists(over) & ~Exists(paid))
        .annotate(refusal=F("placements__refusal"))
        .filter(refusal__gt="")
    )
    expired = CachedPromptStatus.EXPIRED
    found = dict(refused.values_list("pk", "refusal")[:AT_ONCE_MAX])
    return sum(
        end_cached_prompt(prompt_id, expired, now=now, reason=refusal)
        for prompt_id, refusal in found.items()
    )
