"""Blocks that leases keep in host memory, by their hashes."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from inference.domain.block_owners import BlockOwners
from inference.domain.lease import Lease

HOST_PERCENT = 80
"""The rest is room for blocks on their way down."""


class HostMemory(Protocol):
    """The engine's tier below HBM. A block that is kept is not evicted; it may be on
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


class HostHoldings:
    def __init__(self, memory: HostMemory, *, tenant_percent: int) -> None:
        self.blocks_max = memory.blocks * HOST_PERCENT // 100
        self.tenant_blocks_max = self.blocks_max * tenant_percent // 100
        self._memory = memory
        self._all: BlockOwners[bytes] = BlockOwners()
        self._tenants: defaultdict[str, BlockOwners[bytes]] = defaultdict(BlockOwners)

    @property
    def held_blocks(self) -> int:
        return len(self._all)

    def hold(self, lease: Lease, *, leaving: Lease | None) -> bool:
        """False: there is no room for it once `leaving` has left."""
        gone = leaving.hashes if leaving and leaving.has_host_floor else ()
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
