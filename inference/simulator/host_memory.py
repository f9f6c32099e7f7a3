"""Host memory below HBM, for the blocks of leases: names alone, since there is no KV.

A copy down is over at once, all of it or nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.domain.host_chunks import HostChunks


@dataclass(slots=True)
class _Chunk:
    ref_cnt: int = 0
    is_ready: bool = True


class HostMemory:
    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.used_blocks = 0
        self._chunks: HostChunks[_Chunk] = HostChunks()

    def copy(self, hashes: Sequence[bytes]) -> int:
        """How many blocks had to be copied down; none if there is no room for all."""
        self.touch(hashes)
        fresh = [name for name in hashes if not self._chunks.is_there(name)]
        overflow = max(0, self.used_blocks + len(fresh) - self.blocks)
        if self._chunks.evict(overflow, set(hashes)) is None:
            return 0
        for name in reversed(fresh):
            self._chunks.insert(name, _Chunk())
            self._chunks.mark_evictable(name)
        self.used_blocks += len(fresh) - overflow
        return len(fresh)

    def keep(self, hashes: Sequence[bytes]) -> None:
        self._chunks.keep(hashes)

    def let_go(self, hashes: Sequence[bytes]) -> None:
        self._chunks.let_go(hashes)

    def touch(self, hashes: Sequence[bytes]) -> None:
        self._chunks.touch(hashes, None)

    def leading(self, hashes: Sequence[bytes]) -> int:
        """How many of the first of them lie there."""
        for index, name in enumerate(hashes):
            if not self._chunks.is_there(name):
                return index
        return len(hashes)

    def forget(self) -> None:
        self._chunks.clear()
        self.used_blocks = 0
