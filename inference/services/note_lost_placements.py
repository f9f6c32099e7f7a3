"""Engines lose leases: by a restart, under pressure, by their end."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptPlacement,
    EventKind,
)
from inference.lease_models import Lease, LeaseState
from inference.services.claim_placement import unclaimed
from inference.services.follow_placements import follow_placements
from inference.services.lose_leases import ENGINE_BEGAN_ANEW
from inference.services.note_prompt_event import note_prompt_event
from inference.services.publish_cached_prompts import publish_cached_prompts

AT_ONCE_MAX = 500
_GRACE = timedelta(seconds=5)
"""Engines hold a lease longer than it was sold, by `lease_terms.GRACE_MS`."""


def note_lost_placements(*, now: datetime) -> int:
    """How many there were. Those that somebody warms are left out: there the engine has
    given up one lease for the next.
    """
    held = CachedPromptPlacement.objects.committed().filter(
        unclaimed(now), is_lost=False
    )
    reasons = _ended(held, now) | _of_earlier_epochs(held)
    return sum(_lose(row, reason, now=now) for row, reason in reasons.items())


def _ended(
    held: QuerySet[CachedPromptPlacement], now: datetime
) -> dict[CachedPromptPlacement, str]:
    leases = Lease.objects.filter(
        lease_id=OuterRef("lease_id"),
        engine_id=OuterRef("engine_id"),
        epoch=OuterRef("epoch"),
    )
    is_ended = Exists(leases.exclude(state=LeaseState.HELD))
    rows = held.filter(is_ended | Q(lease_expires_at__lte=now - _GRACE))
    named = rows.annotate(ended_as=leases.values("state")[:1])
    return {
        row: "expired" if row.ended_as in {None, "held"} else row.ended_as
        for row in named[:AT_ONCE_MAX]
    }


def _of_earlier_epochs(
    held: QuerySet[CachedPromptPlacement],
) -> dict[CachedPromptPlacement, str]:
    """Of engines that began anew since. The collector may be behind the grant: then the
    epoch that it knows is the earlier one.
    """
    others = held.exclude(engine__lease_cursor__epoch=F("epoch"))
    rows = others.filter(engine__lease_cursor__epoch__gt="").annotate(
        proven_ms=F("engine__lease_cursor__proven_ms")
    )
    return {
        row: ENGINE_BEGAN_ANEW
        for row in rows[:AT_ONCE_MAX]
        if row.verified_at and row.proven_ms > row.verified_at.timestamp() * 1000
    }


@transaction.atomic
def _lose(placement: CachedPromptPlacement, reason: str, *, now: datetime) -> bool:
    rows = CachedPrompt.objects.select_for_update().usable().defer("content")
    prompt = rows.filter(pk=placement.cached_prompt_id).first()
    still = CachedPromptPlacement.objects.filter(
        unclaimed(now), pk=placement.pk, lease_id=placement.lease_id, is_lost=False
    )
    if prompt is None or not still.update(is_lost=True):
        return False
    note_prompt_event(
        prompt, EventKind.DEGRADED, placement=placement, now=now, reason=reason
    )
    follow_placements(prompt, now=now)
    transaction.on_commit(publish_cached_prompts, robust=True)
    return True
