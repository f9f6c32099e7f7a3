"""How the KV memory of each engine is sold and held, for the operator."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, Sum

from inference.cached_prompt_models import CachedPromptPlacement
from inference.capacity_models import EngineCapacity
from inference.lease_models import Lease
from tenants.models import Tenant

HOLDERS_SHOWN = 3
"""Of each tier of an engine."""
_HOLDERS_READ = 1_000

_Place = tuple[int, str]
"""Engine id and tier."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    name: str
    """Of the tenant."""
    tenant_id: int | None
    """None: there is no such tenant any more."""
    tokens: int


@dataclass(frozen=True, kw_only=True)
class KvMemory:
    """One tier of one engine; tokens of whole blocks."""

    capacity: EngineCapacity
    cached_prompts: int
    """Placed there, or being placed."""
    sold_tokens: int
    """To cached prompts, whether or not the engine holds them at this moment."""
    leases: int
    held_bytes: int
    """By all leases, those of cached prompts too; shared blocks count in each."""
    holders: list[Holder] = field(default_factory=list)
    """Who holds most."""
    more_holders: int = 0

    @property
    def sellable_tokens(self) -> int:
        return self.capacity.sellable_blocks * self.capacity.block_tokens

    @property
    def held_tokens(self) -> int:
        """As the engine counts them, shared blocks once."""
        return self.capacity.held_blocks * self.capacity.block_tokens

    @property
    def token_bytes(self) -> int:
        return self.capacity.block_bytes // self.capacity.block_tokens

    @property
    def held_percent(self) -> int:
        return _percent(self.capacity.held_blocks, self.capacity.sellable_blocks)

    @property
    def sold_percent(self) -> int:
        return _percent(self.sold_tokens, self.sellable_tokens)


def read_kv_memory() -> list[KvMemory]:
    """Five queries, however many engines there are."""
    capacities = EngineCapacity.objects.select_related("engine__served_model")
    rows = list(capacities.order_by("engine__name", "-tier"))
    sold, held, holders = _sold(), _held(), _holders()
    return [
        _memory(row, sold=sold, held=held, holders=holders[row.engine_id, row.tier])
        for row in rows
    ]


def _memory(
    row: EngineCapacity,
    *,
    sold: dict[_Place, tuple[int, int]],
    held: dict[_Place, tuple[int, int]],
    holders: list[Holder],
) -> KvMemory:
    place = row.engine_id, row.tier
    cached_prompts, sold_blocks = sold.get(place, (0, 0))
    leases, held_bytes = held.get(place, (0, 0))
    return KvMemory(
        capacity=row,
        cached_prompts=cached_prompts,
        sold_tokens=sold_blocks * row.block_tokens,
        leases=leases,
        held_bytes=held_bytes,
        holders=holders[:HOLDERS_SHOWN],
        more_holders=max(0, len(holders) - HOLDERS_SHOWN),
    )


def _sold() -> dict[_Place, tuple[int, int]]:
    """Cached prompts and their blocks."""
    taken = CachedPromptPlacement.objects.occupying().order_by()
    sums = taken.values_list("engine_id", "tier").annotate(
        rows=Count("*"), sum=Sum("blocks")
    )
    return {(engine, tier): (count, blocks) for engine, tier, count, blocks in sums}


def _held() -> dict[_Place, tuple[int, int]]:
    """Leases and their bytes."""
    leases = Lease.objects.held().order_by()
    sums = leases.values_list("engine_id", "tier").annotate(
        rows=Count("*"), sum=Sum("bytes")
    )
    return {(engine, tier): (count, size) for engine, tier, count, size in sums}


def _holders() -> dict[_Place, list[Holder]]:
    """The largest first."""
    sums = list(
        Lease.objects.held()
        .values_list("engine_id", "tier", "tenant_id")
        .annotate(sum=Sum("tokens"))
        .order_by("-sum", "tenant_id")[:_HOLDERS_READ]
    )
    names = _names(tenant_id for _, _, tenant_id, _ in sums)
    found: dict[_Place, list[Holder]] = defaultdict(list)
    for engine_id, tier, told, tokens in sums:
        name = names.get(told)
        found[engine_id, tier].append(
            Holder(
                name=name or f"tenant {told}",
                tenant_id=int(told) if name else None,
                tokens=tokens,
            )
        )
    return found


def _names(tenant_ids: Iterable[str]) -> dict[str, str]:
    """By the id as engines are told it: what is no number is no tenant of ours."""
    numbers = {int(one) for one in tenant_ids if one.isascii() and one.isdecimal()}
    rows = Tenant.objects.filter(pk__in=numbers).values_list("pk", "name")
    return {str(tenant_id): name for tenant_id, name in rows}


def _percent(part: int, whole: int) -> int:
    return 100 * part // max(whole, 1)
