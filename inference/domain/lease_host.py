"""Blocks that leases keep below HBM, in host memory and on disk, by their hashes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Protocol

from inference.domain.block_owners import BlockOwners
from inference.domain.lease import Lease
from inference.domain.lease_receipt import Reason
from inference.domain.lease_terms import LeaseTerms, Tier

LOWER_PERCENT = 80
"""The rest is room for blocks on their way down."""


class LowerMemory(Protocol):
    """A tier of the engine below HBM. A block that is kept is not evicted; it may be on
    its way down still.
    """

    blocks: int

    def keep(self, hashes: Sequence[bytes]) -> None: ...

    def let_go(self, hashes: Sequence[bytes]) -> None: ...

    def leading(self, hashes: Sequence[bytes]) -> int:
        """How many of the first of them lie there."""
        ...

    def names(self) -> list[bytes]:
        """Of all blocks that lie there."""
        ...


class LowerHoldings:
    """What leases keep in one tier."""

    def __init__(
        self, memory: LowerMemory, *, tenant_percent: int, tier: Tier = Tier.HOST
    ) -> None:
        self._tier = tier
        self.blocks_max = memory.blocks * LOWER_PERCENT // 100
        self.tenant_blocks_max = self.blocks_max * tenant_percent // 100
        self._memory = memory
        self._all: BlockOwners[bytes] = BlockOwners()
        self._tenants: defaultdict[str, BlockOwners[bytes]] = defaultdict(BlockOwners)

    @property
    def held_blocks(self) -> int:
        return len(self._all)

    def hold(self, lease: Lease, *, leaving: Lease | None) -> bool:
        """False: there is no room for it once `leaving` has left."""
        gone = leaving.hashes if leaving and self._tier in leaving.floors else ()
        limits = (
            (self._all, self.blocks_max),
            (self._tenants[lease.tenant_id], self.tenant_blocks_max),
        )
        for owners, blocks_max in limits:
            fits = owners.leading_that_fit(
                lease.hashes, blocks_max=blocks_max, leaving=gone
            )
            if fits < len(lease.hashes):
                return False
        self._tenants[lease.tenant_id].add(lease.hashes)
        self._memory.keep(self._all.add(lease.hashes))
        return True

    def drop(self, lease: Lease) -> None:
        tenant = self._tenants[lease.tenant_id]
        tenant.drop(lease.hashes)
        if not tenant:
            del self._tenants[lease.tenant_id]
        self._memory.let_go(self._all.drop(lease.hashes))

    def leading(self, lease: Lease) -> int:
        return self._memory.leading(lease.hashes)

    def names(self) -> list[bytes]:
        return self._memory.names()


_CAPS = {Tier.HOST: Reason.HOST_CAP, Tier.DISK: Reason.DISK_CAP}
"""Also the order in which leases go down."""


class LowerTiers:
    """All tiers below HBM that the engine has."""

    def __init__(
        self, *, host: LowerHoldings | None, disk: LowerHoldings | None
    ) -> None:
        given = {Tier.HOST: host, Tier.DISK: disk}
        self._holdings = {tier: one for tier, one in given.items() if one}

    def why_not(self, terms: LeaseTerms) -> Reason | None:
        """Why it cannot lie where the terms want it."""
        asked = self._asked(terms)
        if not terms.ttl_ms and not asked:
            return Reason.NOT_ASKED
        there = asked.keys() & self._holdings.keys()
        if terms.tier is Tier.DISK and Tier.DISK not in there:
            return Reason.NO_DISK_TIER
        if terms.tier is Tier.HOST and Tier.HOST not in self._holdings:
            return Reason.NO_HOST_TIER
        return None if terms.ttl_ms or there else Reason.NO_HOST_TIER

    def keep(
        self, lease: Lease, *, leaving: Lease | None, now_ms: int
    ) -> Reason | None:
        """Where its terms ask for it and there is room; else, why not."""
        why = None
        for tier, ttl_ms in self._asked(lease.terms).items():
            holdings = self._holdings.get(tier)
            if holdings and holdings.hold(lease, leaving=leaving):
                lease.floors[tier] = now_ms + ttl_ms + lease.terms.grace_ms
            elif holdings:
                why = why or _CAPS[tier]
        return why

    def drop(self, lease: Lease) -> None:
        self._drop_from(lease, lease.floors.keys())

    def drop_above(self, lease: Lease, tier: Tier) -> None:
        """From whatever it passed on its way down."""
        above = takewhile(lambda one: one is not tier, _CAPS)
        self._drop_from(lease, lease.floors.keys() & set(above))

    def next_below(self, lease: Lease, *, now_ms: int) -> tuple[Tier, int] | None:
        """Where it goes on when it leaves its tier, and with how many blocks."""
        tiers = list(_CAPS)
        first = 0 if lease.is_in_hbm else tiers.index(lease.tier) + 1
        for tier in tiers[first:]:
            if lease.floors.get(tier, 0) > now_ms:
                blocks = self._holdings[tier].leading(lease)
                if blocks:
                    return tier, blocks
        return None

    def _drop_from(self, lease: Lease, tiers: Iterable[Tier]) -> None:
        for tier in list(tiers):
            self._holdings[tier].drop(lease)
            del lease.floors[tier]

    def _asked(self, terms: LeaseTerms) -> dict[Tier, int]:
        """Milliseconds in each."""
        asked = {Tier.HOST: terms.host_ttl_ms, Tier.DISK: terms.disk_ttl_ms}
        return {tier: ttl_ms for tier, ttl_ms in asked.items() if ttl_ms}
