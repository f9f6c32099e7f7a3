"""To whom KV memory belongs at this moment: one bar for each tier of each engine."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.db.models import Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from inference.cached_prompt_models import CachedPromptPlacement
from inference.domain.lease_terms import Tier
from inference.services.look_at_engines import EngineLook

WIDTH: Final = 1000
"""Of a whole bar."""
OWNERS: Final[dict[str, Promise]] = {
    "running": _("Running calls"),
    "leased": _("Leases of conversations"),
    "reserved": _("Cached prompts"),
    "free": _("Free"),
}
TIERS: Final[dict[Tier, Promise]] = {
    Tier.HBM: _("GPU memory"),
    Tier.HOST: _("Host memory"),
    Tier.DISK: _("Disk"),
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """What of a bar belongs to one owner."""

    owner: str
    """A key of `OWNERS`."""
    amount: int
    """In the unit of its bar."""
    left: int
    width: int
    """Both of `WIDTH`."""

    @property
    def title(self) -> Promise:
        return OWNERS[self.owner]


@dataclass(frozen=True, kw_only=True)
class KvBar:
    tier: Tier
    parts: list[Part]
    is_bytes: bool
    """False: amounts are blocks, of an engine that does not say how large they are."""

    @property
    def title(self) -> Promise:
        return TIERS[self.tier]

    @property
    def amount(self) -> int:
        return sum(part.amount for part in self.parts)

    @property
    def used_percent(self) -> int:
        free = next(part.amount for part in self.parts if part.owner == "free")
        return 100 * (self.amount - free) // max(1, self.amount)


_Blocks = dict[str, int]
"""By owner."""


def bars_of(look: EngineLook, reserved: Mapping[tuple[int, str], int]) -> list[KvBar]:
    """`reserved`: blocks by engine id and tier. Tiers that the engine lacks are left
    out.
    """
    size = look.leases.block_bytes if look.leases else 1
    found = []
    for tier, blocks in _tiers(look, reserved):
        if sum(blocks.values()):
            amounts = {owner: count * size for owner, count in blocks.items()}
            found.append(_bar(tier, amounts, is_bytes=look.leases is not None))
    return found


def add_bars(bars: Iterable[KvBar]) -> list[KvBar]:
    """One for each tier; those in blocks cannot be added and are left out."""
    sums: dict[Tier, _Blocks] = defaultdict(lambda: dict.fromkeys(OWNERS, 0))
    for bar in bars:
        for part in bar.parts:
            if bar.is_bytes:
                sums[bar.tier][part.owner] += part.amount
    return [_bar(tier, sums[tier], is_bytes=True) for tier in TIERS if tier in sums]


def read_reserved() -> dict[tuple[int, str], int]:
    """Blocks of cached prompts by engine id and tier, placed or being placed."""
    rows = CachedPromptPlacement.objects.occupying().order_by()
    sums = rows.values_list("engine_id", "tier").annotate(sum=Sum("blocks"))
    return {(engine_id, tier): blocks for engine_id, tier, blocks in sums}


def _tiers(
    look: EngineLook, reserved: Mapping[tuple[int, str], int]
) -> list[tuple[Tier, _Blocks]]:
    told, gauges = look.leases, look.gauges
    pool = told.pool_blocks if told else gauges.pool_blocks if gauges else 0
    held = told.held_blocks if told else 0
    used = _scaled(gauges.used_blocks, gauges.pool_blocks, pool) if gauges else held
    of = {tier: reserved.get((look.engine_id, tier), 0) for tier in Tier}
    tiers = [(Tier.HBM, _owners(pool, used, held, of[Tier.HBM]))]
    if told:
        host, disk = told.host_blocks, told.disk_blocks
        below = (
            (Tier.HOST, told.host_blocks_max, host),
            (
                Tier.DISK,
                told.disk_blocks_max,
                disk,
            ),
        )
        tiers += [
            (tier, _owners(whole, blocks, blocks, of[tier]))
            for tier, whole, blocks in below
        ]
    return tiers


def _scaled(part: int, whole: int, to: int) -> int:
    return part * to // whole if whole else 0


def _owners(pool: int, used: int, held: int, reserved: int) -> _Blocks:
    """Whatever is read a moment apart, the parts come to the pool. What is sold to a
    cached prompt and not held yet counts as free: it is.
    """
    held = min(held, pool)
    used = min(max(used, held), pool)
    prompts = min(reserved, held)
    return {
        "running": used - held,
        "leased": held - prompts,
        "reserved": prompts,
        "free": pool - used,
    }


def _bar(tier: Tier, amounts: _Blocks, *, is_bytes: bool) -> KvBar:
    whole = max(1, sum(amounts.values()))
    parts, before = [], 0
    for owner in OWNERS:
        left = WIDTH * before // whole
        before += amounts[owner]
        width = WIDTH * before // whole - left
        parts.append(Part(owner=owner, amount=amounts[owner], left=left, width=width))
    return KvBar(tier=tier, parts=parts, is_bytes=is_bytes)
