"""The HBM blocks that leases hold, counted for each cap."""

from collections.abc import Collection, Iterable, Sequence

from inference.domain.block_owners import BlockOwners
from inference.domain.lease import Lease
from inference.domain.lease_caps import LeaseCaps
from inference.domain.lease_receipt import Reason
from inference.domain.lease_terms import LeaseClass, LeaseTerms

NOBODY: BlockOwners[int] = BlockOwners()


class Holdings:
    def __init__(self, caps: LeaseCaps) -> None:
        self.caps = caps
        self._all: BlockOwners[int] = BlockOwners()
        self._guaranteed: BlockOwners[int] = BlockOwners()
        self._tenants: dict[str, BlockOwners[int]] = {}

    @property
    def held_blocks(self) -> int:
        return len(self._all)

    @property
    def guaranteed_blocks(self) -> int:
        return len(self._guaranteed)

    def tenant_blocks(self, tenant_id: str) -> int:
        return len(self._tenants.get(tenant_id, NOBODY))

    def hold(self, lease: Lease) -> list[int]:
        """The blocks that no lease held before."""
        tenant = self._tenants.setdefault(lease.tenant_id, BlockOwners())
        tenant.add(lease.blocks)
        if lease.is_guaranteed:
            self._guaranteed.add(lease.blocks)
        return self._all.add(lease.blocks)

    def drop(self, lease: Lease) -> list[int]:
        """The blocks that no lease holds any more, deepest first: a prefix serves
        longest when its end is evicted before its beginning.
        """
        tenant = self._tenants[lease.tenant_id]
        tenant.drop(lease.blocks)
        if not tenant:
            del self._tenants[lease.tenant_id]
        if lease.is_guaranteed:
            self._guaranteed.drop(lease.blocks)
        return self._all.drop(reversed(lease.blocks))

    def fitting(
        self, terms: LeaseTerms, blocks: Sequence[int], leaving: Lease | None
    ) -> tuple[int, Reason | None]:
        """How many leading blocks the caps leave room for once `leaving` is dropped,
        and which cap stops the rest.
        """
        best, why = len(blocks), None
        for owners, blocks_max, reason, counts in self._limits(terms, leaving):
            gone = leaving.blocks if leaving and counts else ()
            fits = owners.leading_that_fit(blocks, blocks_max=blocks_max, leaving=gone)
            if fits < best:
                best, why = fits, reason
        return best, why

    def _limits(
        self, terms: LeaseTerms, leaving: Lease | None
    ) -> Iterable[tuple[BlockOwners[int], int, Reason, bool]]:
        """Owners, cap, its name, and whether `leaving` counts among these owners."""
        caps = self.caps
        yield self._all, caps.all_leases, Reason.LEASES_CAP, True
        tenant = self._tenants.get(terms.tenant_id, NOBODY)
        yield tenant, caps.per_tenant, Reason.TENANT_CAP, True
        if terms.lease_class is LeaseClass.GUARANTEED:
            is_counted = leaving is not None and leaving.is_guaranteed
            guaranteed = self._guaranteed
            yield guaranteed, caps.guaranteed, Reason.GUARANTEED_CAP, is_counted

    def revocable_blocks(self, *, spared: Collection[int]) -> int:
        """Blocks that would be free if every elastic lease were revoked."""
        revocable = len(self._all) - len(self._guaranteed)
        return revocable - sum(self._is_revocable(block) for block in spared)

    def _is_revocable(self, block: int) -> bool:
        return block in self._all and block not in self._guaranteed

    def fewest_for(
        self, leases: Iterable[Lease], blocks_needed: int, *, spared: Collection[int]
    ) -> list[Lease]:
        """The first of `leases`, taken in order, whose end together frees so many
        blocks, without those that free nothing by it. All, if they free fewer.
        """
        taken, freed = [], 0
        for lease in leases:
            taken.append(lease)
            freed += _count(self._all.drop(lease.blocks), without=spared)
            if freed >= blocks_needed:
                break
        return self._without_needless(taken, freed - blocks_needed, spared)

    def _without_needless(
        self, taken: list[Lease], spare: int, spared: Collection[int]
    ) -> list[Lease]:
        """Gives back all that was dropped on trial."""
        needed = []
        for lease in reversed(taken):
            returned = _count(self._all.add(lease.blocks), without=spared)
            if returned <= spare:
                spare -= returned
            else:
                self._all.drop(lease.blocks)
                needed.append(lease)
        for lease in needed:
            self._all.add(lease.blocks)
        return needed[::-1]


def _count(blocks: Iterable[int], *, without: Collection[int]) -> int:
    return sum(block not in without for block in blocks)
