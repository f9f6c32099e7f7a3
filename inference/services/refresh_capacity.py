"""What an engine can sell, into the ledger's rows."""

from datetime import datetime

from inference.capacity_models import EngineCapacity
from inference.domain.lease_control import EngineLeases
from inference.domain.lease_terms import Tier
from inference.models import Engine
from inference.services.ask_engine import ask_engine

_FIELDS = [
    "sellable_blocks",
    "guaranteed_blocks",
    "tenant_blocks",
    "held_blocks",
    "block_tokens",
    "block_bytes",
    "epoch",
    "unsupported",
    "read_at",
]


def refresh_capacity(engine: Engine, *, now: datetime) -> EngineLeases:
    """Asks the engine; safe at any time. Raises EngineSilentError."""
    told = ask_engine(engine.address, lambda client: client.status())
    store_capacity(engine.pk, told, now=now)
    return told


def store_capacity(engine_id: int, told: EngineLeases, *, now: datetime) -> None:
    EngineCapacity.objects.bulk_create(
        [
            _hbm(engine_id, told, now),
            _below(engine_id, told, Tier.HOST, now),
            _below(engine_id, told, Tier.DISK, now),
        ],
        update_conflicts=True,
        unique_fields=["engine", "tier"],
        update_fields=_FIELDS,
    )


def _hbm(engine_id: int, told: EngineLeases, now: datetime) -> EngineCapacity:
    caps = told.caps
    return EngineCapacity(
        engine_id=engine_id,
        tier=Tier.HBM,
        sellable_blocks=caps.all_leases,
        guaranteed_blocks=caps.guaranteed,
        tenant_blocks=caps.per_tenant,
        held_blocks=told.held_blocks,
        block_tokens=told.block_tokens,
        block_bytes=told.block_bytes,
        epoch=told.epoch,
        unsupported=told.unsupported[:500],
        read_at=now,
    )


def _below(
    engine_id: int, told: EngineLeases, tier: Tier, now: datetime
) -> EngineCapacity:
    """All of it may be guaranteed: nothing that runs needs what lies below HBM."""
    is_host, caps = tier is Tier.HOST, told.caps
    blocks = told.host_blocks_max if is_host else told.disk_blocks_max
    row = _hbm(engine_id, told, now)
    row.tier = tier
    row.sellable_blocks = row.guaranteed_blocks = blocks
    row.tenant_blocks = blocks * caps.per_tenant // max(1, caps.all_leases)
    row.held_blocks = told.host_blocks if is_host else told.disk_blocks
    return row
