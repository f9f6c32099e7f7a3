"""The first of two phases of a sale: room for a cached prompt on one engine."""

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptPlacement,
)
from inference.capacity_models import EngineCapacity
from inference.domain.kv_room import KvRoom, NoRoom
from inference.domain.lease_terms import LeaseClass, Tier
from inference.models import Engine

CLAIMED_FOR = timedelta(seconds=90)
"""Longer than an engine is waited for."""
_LOCK_TIMEOUT = "5s"


class NoRoomError(Exception):
    """There is no room in that tier of this engine; another one may have some."""

    def __init__(self, obstacle: NoRoom) -> None:
        super().__init__(obstacle)
        self.obstacle = obstacle


@transaction.atomic
def hold_place(
    cached_prompt: CachedPrompt,
    engine: Engine,
    *,
    tier: Tier,
    blocks: int,
    now: datetime,
) -> CachedPromptPlacement:
    """`tier`: whose room it takes.

    Raises NoRoomError; django.db.IntegrityError if the prompt has a place there.
    """
    capacity = _locked(engine.pk, tier)
    lease_class = LeaseClass(cached_prompt.lease_class)
    room = room_of(capacity, tenant_id=cached_prompt.tenant_id)
    if obstacle := room.obstacle(blocks, lease_class):
        raise NoRoomError(obstacle)
    return CachedPromptPlacement.objects.create(
        cached_prompt=cached_prompt,
        tenant_id=cached_prompt.tenant_id,
        engine=engine,
        tier=tier,
        lease_class=lease_class,
        blocks=blocks,
        bytes=blocks * capacity.block_bytes,
        held_at=now,
        claimed_until=now + CLAIMED_FOR,
    )


def room_of(capacity: EngineCapacity, *, tenant_id: int) -> KvRoom:
    """Exact while the row of `capacity` is locked."""
    taken = CachedPromptPlacement.objects.occupying().filter(
        engine_id=capacity.engine_id, tier=capacity.tier
    )
    sums = taken.aggregate(
        sold=_blocks(),
        guaranteed=_blocks(lease_class=LeaseClass.GUARANTEED),
        tenant=_blocks(tenant_id=tenant_id),
    )
    return KvRoom(
        sellable=capacity.sellable_blocks,
        guaranteed=capacity.guaranteed_blocks,
        per_tenant=capacity.tenant_blocks,
        sold=sums["sold"],
        guaranteed_sold=sums["guaranteed"],
        tenant_sold=sums["tenant"],
    )


def _blocks(**only: object) -> Coalesce:
    return Coalesce(Sum("blocks", filter=Q(**only)), 0)


def _locked(engine_id: int, tier: Tier) -> EngineCapacity:
    """One sale at a time for each engine and tier. Raises NoRoomError where nothing is
    known to be sellable.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
    rows = EngineCapacity.objects.select_for_update()
    found = rows.filter(engine_id=engine_id, tier=tier, unsupported="").first()
    if found is None:
        raise NoRoomError(NoRoom.SELLABLE)
    return found
