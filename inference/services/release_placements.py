"""Leases of places that are void go back: their meter stops when the engine says so."""

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from inference.cached_prompt_models import CachedPromptPlacement, PlacementState
from inference.errors import EngineSilentError
from inference.models import Engine
from inference.services.ask_engine import ask_engine

RELEASED_AT_ONCE_MAX = 100
_ENDED_AFTER = timedelta(minutes=1)
"""After the time that was sold the engine has ended it by itself."""

_logger = logging.getLogger(__name__)


def void_placements(placements: QuerySet[CachedPromptPlacement]) -> int:
    """Their room is free for others; what they hold is to be released then. Call
    `release_placements` when that is committed.
    """
    leased = placements.exclude(state=PlacementState.VOID)
    marked = leased.filter(lease_id__isnull=False).update(
        state=PlacementState.VOID, is_to_be_released=True
    )
    unleased = placements.filter(lease_id__isnull=True)
    return marked + unleased.exclude(state=PlacementState.VOID).update(
        state=PlacementState.VOID
    )


def release_placements(*, now: datetime, cached_prompt_id: int | None = None) -> int:
    """How many the engines are known to hold no more. Whatever an engine does not
    answer to is tried again by the next call. Safe twice.
    """
    rows = CachedPromptPlacement.objects.filter(is_to_be_released=True)
    if cached_prompt_id is not None:
        rows = rows.filter(cached_prompt_id=cached_prompt_id)
    waiting = rows.select_related("engine").order_by("pk")[:RELEASED_AT_ONCE_MAX]
    silent: set[int] = set()
    done = [row.pk for row in waiting if _is_released(row, now, silent)]
    return CachedPromptPlacement.objects.filter(pk__in=done).update(
        is_to_be_released=False
    )


def release_lease(engine: Engine, lease_id: UUID, *, tenant_id: int) -> bool:
    """Whether the engine said that it holds the lease no more."""
    try:
        ask_engine(
            engine.address,
            lambda client: client.release(lease_id.hex, tenant_id=tenant_id),
        )
    except EngineSilentError as error:
        _logger.warning("lease %s is not given back yet: %s", lease_id.hex, error)
        return False
    return True


def _is_released(row: CachedPromptPlacement, now: datetime, silent: set[int]) -> bool:
    """An engine that was silent is not asked again for the next lease."""
    if row.lease_id is None:
        return True
    if row.lease_expires_at and row.lease_expires_at + _ENDED_AFTER <= now:
        return True
    if row.engine_id in silent:
        return False
    is_released = release_lease(row.engine, row.lease_id, tenant_id=row.tenant_id)
    if not is_released:
        silent.add(row.engine_id)
    return is_released
