"""How much room for cached prompts there is, for who asks or was refused."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min

from inference.cached_prompt_models import CachedPromptPlacement
from inference.capacity_models import EngineCapacity
from inference.domain.lease_terms import LeaseClass, Tier
from inference.models import ServedModel
from inference.services.find_engines import serving
from inference.services.hold_place import room_of
from tenants.row_security import across_tenants


@dataclass(frozen=True, kw_only=True)
class TierRoom:
    """The most that one engine could take, for a prompt lies on one as a whole."""

    tier: Tier
    free_blocks: int
    block_tokens: int
    block_bytes: int
    next_end_at: datetime | None
    """When the first prompt in the tier ends; None: there is none."""

    @property
    def free_tokens(self) -> int:
        return self.free_blocks * self.block_tokens

    @property
    def free_bytes(self) -> int:
        return self.free_blocks * self.block_bytes

    def blocks_for(self, tokens: int) -> int:
        return -(-tokens // self.block_tokens)


def read_room(
    served_model: ServedModel, *, tenant_id: int, lease_class: LeaseClass
) -> dict[Tier, TierRoom]:
    """By tier, of those that some engine of the model has; as the engines told last."""
    with across_tenants():
        return _read_room(served_model, tenant_id, lease_class)


def _read_room(
    served_model: ServedModel, tenant_id: int, lease_class: LeaseClass
) -> dict[Tier, TierRoom]:
    rows = EngineCapacity.objects.filter(
        engine__in=serving(served_model), sellable_blocks__gt=0, unsupported=""
    )
    rooms: dict[Tier, TierRoom] = {}
    for row in rows.order_by("tier", "engine_id"):
        tier, free = Tier(row.tier), _free(row, tenant_id, lease_class)
        if tier not in rooms or free > rooms[tier].free_blocks:
            rooms[tier] = TierRoom(
                tier=tier,
                free_blocks=free,
                block_tokens=row.block_tokens,
                block_bytes=row.block_bytes,
                next_end_at=_next_end(served_model, tier),
            )
    return rooms


def _free(row: EngineCapacity, tenant_id: int, lease_class: LeaseClass) -> int:
    """Neither the books nor the engine's own count is exceeded."""
    unheld = max(0, row.sellable_blocks - row.held_blocks)
    return min(room_of(row, tenant_id=tenant_id).free_for(lease_class), unheld)


def _next_end(served_model: ServedModel, tier: Tier) -> datetime | None:
    taken = CachedPromptPlacement.objects.occupying().filter(
        engine__in=serving(served_model), tier=tier
    )
    end: datetime | None = taken.aggregate(end=Min("cached_prompt__expires_at"))["end"]
    return end
