"""A tier below HBM, for the blocks of leases: names alone, since there is no KV.

A copy down is over at once, all of it or nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from inference.domain.host_chunks import HostChunks
from inference.domain.kv_feed import KvFact, KvFeed
from inference.domain.lease_terms import Tier


@dataclass(slots=True)
class _Chunk:
    ref_cnt: int = 0
    is_ready: bool = True


class LowerMemory:
    def __init__(self, blocks: int, feed: KvFeed, *, tier: Tier = Tier.HOST) -> None:
        self._tier = tier
        self.blocks = blocks
        self._feed = feed
        self.used_blocks = 0
        self._chunks: HostChunks[_Chunk] = HostChunks()

    def copy(self, hashes: Sequence[bytes]) -> int:
        """How many blocks had to be copied down; none if there is no room for all."""
        self.touch(hashes)
        fresh = [name for name in hashes if not self._chunks.is_there(name)]
        overflow = max(0, self.used_blocks + len(fresh) - self.blocks)
        evicted = self._chunks.evict(overflow, set(hashes))
        if evicted is None:
            return 0
        if evicted:
            gone = [name for name, _ in evicted]
            self._feed.tell(KvFact.REMOVED, self._tier, gone)
        for name in reversed(fresh):
            self._chunks.insert(name, _Chunk())
            self._chunks.mark_evictable(name)
        if fresh:
            self._feed.tell(KvFact.STORED, self._tier, fresh)
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

    def names(self) -> list[bytes]:
        return self._chunks.ready()

    def forget(self) -> None:
        self._chunks.clear()
        self._feed.tell(KvFact.CLEARED, self._tier)
        self.used_blocks = 0
