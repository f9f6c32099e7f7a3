"""How many leases hold each KV block. Shared blocks count once towards capacity."""

from collections.abc import Collection, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

Block = TypeVar("Block", bound=Hashable)
"""A number in HBM; below it a hash, since one hash lies there once."""


class BlockOwners(Generic[Block]):
    def __init__(self) -> None:
        self._owners: dict[Block, int] = {}

    def __len__(self) -> int:
        """Blocks held, each counted once."""
        return len(self._owners)

    def __contains__(self, block: Block) -> bool:
        return block in self._owners

    def add(self, blocks: Iterable[Block]) -> list[Block]:
        """Those that nobody held before, in the order given."""
        owners = self._owners
        fresh = []
        for block in blocks:
            count = owners.get(block, 0)
            owners[block] = count + 1
            if not count:
                fresh.append(block)
        return fresh

    def drop(self, blocks: Iterable[Block]) -> list[Block]:
        """Those that nobody holds any more, in the order given."""
        owners = self._owners
        freed = []
        for block in blocks:
            if count := owners[block] - 1:
                owners[block] = count
            else:
                del owners[block]
                freed.append(block)
        return freed

    def exclusive(self, blocks: Iterable[Block]) -> int:
        """How many of them a single owner holds."""
        return sum(self._owners[block] == 1 for block in blocks)

    def leading_that_fit(
        self, blocks: Sequence[Block], *, blocks_max: int, leaving: Collection[Block]
    ) -> int:
        """How many leading blocks may be added once the blocks of a lease that is
        `leaving` are dropped, so that no more than `blocks_max` are held then.
        """
        room = blocks_max - len(self) + self.exclusive(leaving)
        gone = set(leaving)
        for index, block in enumerate(blocks):
            room -= self._owners.get(block, 0) == (block in gone)
            if room < 0:
                return index
        return len(blocks)
