"""Who warms a place, warms it alone."""

from datetime import datetime

from django.db.models import Q

from inference.cached_prompt_models import CachedPromptPlacement, PlacementState
from inference.services.hold_place import CLAIMED_FOR


def unclaimed(now: datetime) -> Q:
    return Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)


def claim_placement(placement: CachedPromptPlacement, *, now: datetime) -> bool:
    """Whether it is ours until the claim runs out; the row knows its claim then."""
    until = now + CLAIMED_FOR
    rows = CachedPromptPlacement.objects.filter(
        unclaimed(now), pk=placement.pk, state=PlacementState.COMMITTED
    )
    placement.claimed_until = until
    return bool(rows.update(claimed_until=until))


def unclaim_placement(placement: CachedPromptPlacement) -> None:
    CachedPromptPlacement.objects.filter(
        pk=placement.pk, claimed_until=placement.claimed_until
    ).update(claimed_until=None)
