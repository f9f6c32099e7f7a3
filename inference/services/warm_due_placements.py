"""Leases are renewed before their end, and what an engine lost is read again."""

import time
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from inference.cached_prompt_models import (
    USABLE,
    CachedPrompt,
    CachedPromptPlacement,
    EventKind,
)
from inference.domain.prompt_life import RENEWED_BEFORE_MS
from inference.errors import (
    CachedPromptError,
    CachedPromptNotFoundError,
    ProxyRefusedError,
)
from inference.services.claim_placement import unclaimed
from inference.services.follow_placements import follow_placements
from inference.services.hold_place import CLAIMED_FOR
from inference.services.note_prompt_event import note_prompt_event
from inference.services.warm_placement import warm_placement

RETRY_SECONDS_MAX = 60
_CLOCKS_APART = timedelta(seconds=5)
"""The proxy's clock and ours, at most; as much as engines add to what is sold."""
_OF_THE_TENANT = frozenset({401, 402, 403})
"""Without a key or money that is good there is no next lease."""


def warm_due_placements(*, seconds_max: float) -> int:
    """One after the other, until nothing is due or that time is over; how many it
    tried. Runs side by side take different ones.
    """
    began, count = time.monotonic(), 0
    while time.monotonic() - began < seconds_max:
        placement = _claim_next(timezone.now())
        if placement is None:
            break
        _warm(placement)
        count += 1
    return count


@transaction.atomic
def _claim_next(now: datetime) -> CachedPromptPlacement | None:
    placement = (
        _due(now)
        .select_for_update(skip_locked=True, of=("self",))
        .select_related(
            "engine", "cached_prompt__served_model", "cached_prompt__api_key"
        )
        .order_by("lease_expires_at")
        .first()
    )
    if placement is not None:
        placement.claimed_until = now + CLAIMED_FOR
        placement.save(update_fields=["claimed_until"])
    return placement


def _due(now: datetime) -> QuerySet[CachedPromptPlacement]:
    """A lease that lasts until the prompt's end is the last one."""
    soon = now + timedelta(milliseconds=RENEWED_BEFORE_MS)
    is_ending = Q(
        cached_prompt__expires_at__gt=F("lease_expires_at") + _CLOCKS_APART,
        lease_expires_at__lte=soon,
    )
    return CachedPromptPlacement.objects.committed().filter(
        unclaimed(now),
        Q(retry_at__isnull=True) | Q(retry_at__lte=now),
        Q(is_lost=True) | is_ending,
        cached_prompt__status__in=USABLE,
        cached_prompt__expires_at__gt=now,
        engine__is_draining=False,
    )


def _warm(placement: CachedPromptPlacement) -> None:
    kind = EventKind.REWARMED if placement.is_lost else EventKind.RENEWED
    try:
        warm_placement(placement, kind=kind, is_at_our_cost=True)
    except CachedPromptNotFoundError:
        pass  # it ended meanwhile, or another run has it
    except CachedPromptError as error:
        _note_failure(placement, error, now=timezone.now())


@transaction.atomic
def _note_failure(
    placement: CachedPromptPlacement, error: CachedPromptError, *, now: datetime
) -> None:
    rows = CachedPrompt.objects.select_for_update().usable().defer("content")
    prompt = rows.filter(pk=placement.cached_prompt_id).first()
    code, refusal = error.code, ""
    if isinstance(error, ProxyRefusedError):
        code = str(error.error.get("code") or error.code)
        refusal = code if error.status in _OF_THE_TENANT else ""
    wait = min(RETRY_SECONDS_MAX, 2**placement.failures)
    ours = CachedPromptPlacement.objects.filter(
        pk=placement.pk, claimed_until=placement.claimed_until
    ).update(
        claimed_until=None,
        failures=F("failures") + 1,
        retry_at=now + timedelta(seconds=wait),
        refusal=refusal,
    )
    if prompt is None or not ours:
        return
    if not placement.failures:
        note_prompt_event(
            prompt, EventKind.DEGRADED, placement=placement, now=now, reason=code
        )
    follow_placements(prompt, now=now)
