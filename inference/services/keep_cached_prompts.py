"""What is promised of cached prompts is kept, whatever happened meanwhile."""

from datetime import datetime

from inference.services.end_due_prompts import end_due_prompts
from inference.services.note_lost_placements import note_lost_placements
from inference.services.place_missing import place_missing
from inference.services.release_placements import release_placements
from inference.services.void_stale_holds import void_stale_holds
from inference.services.warm_due_placements import warm_due_placements

WARMING_SECONDS_MAX = 20.0
"""Of one run; what is left is for the next."""


def keep_cached_prompts(*, now: datetime) -> int:
    """How much there was to do. Safe at any time and side by side; each part of it is
    bounded. Raises django.db.Error.
    """
    done = void_stale_holds(now=now)
    done += end_due_prompts(now=now)
    done += note_lost_placements(now=now)
    done += warm_due_placements(seconds_max=WARMING_SECONDS_MAX)
    done += place_missing(now=now)
    return done + release_placements(now=now)
