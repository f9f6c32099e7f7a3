"""Which blocks lie in an engine's host memory, and which of them may be evicted."""

from collections import OrderedDict
from collections.abc import Iterable
from itertools import islice
from typing import Generic, Protocol, TypeVar


class Chunk(Protocol):
    """A place in host memory."""

    ref_cnt: int
    """Copies under way from it; -1: one into it."""

    @property
    def is_ready(self) -> bool: ...


AnyChunk = TypeVar("AnyChunk", bound=Chunk)


class HostChunks(Generic[AnyChunk]):
    """The least recently used goes first; what leases keep does not go.

    The methods are those of an eviction policy of vLLM's offloading connector.
    """

    def __init__(self) -> None:
        self._chunks: dict[bytes, AnyChunk] = {}
        self._kept: set[bytes] = set()
        self._evictable: OrderedDict[bytes, None] = OrderedDict()
        """In no copy and kept by nobody."""

    def keep(self, keys: Iterable[bytes]) -> None:
        """Also of blocks that are yet to come."""
        for key in keys:
            self._kept.add(key)
            self._evictable.pop(key, None)

    def let_go(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._kept.discard(key)
            chunk = self._chunks.get(key)
            if chunk is not None and chunk.ref_cnt == 0:
                self._evictable[key] = None

    def is_there(self, key: bytes) -> bool:
        chunk = self._chunks.get(key)
        return chunk is not None and chunk.is_ready

    def ready(self) -> list[bytes]:
        """All that lie there."""
        return [key for key, chunk in self._chunks.items() if chunk.is_ready]

    def get(self, key: bytes) -> AnyChunk | None:
        return self._chunks.get(key)

    def insert(self, key: bytes, chunk: AnyChunk) -> None:
        """A new chunk: the copy into it is under way."""
        self._chunks[key] = chunk

    def remove(self, key: bytes) -> None:
        """The copy into it has failed."""
        del self._chunks[key]

    def touch(self, keys: Iterable[bytes], req_context: object) -> None:
        """Deepest first: a prefix serves longest when its end goes first."""
        del req_context
        for key in reversed(list(keys)):
            if key in self._evictable:
                self._evictable.move_to_end(key)

    def evict(
        self, n: int, protected: set[bytes]
    ) -> list[tuple[bytes, AnyChunk]] | None:
        """Exactly `n`, or None and nothing has changed."""
        free = (key for key in self._evictable if key not in protected)
        chosen = list(islice(free, n))
        if len(chosen) < n:
            return None
        for key in chosen:
            del self._evictable[key]
        return [(key, self._chunks.pop(key)) for key in chosen]

    def clear(self) -> None:
        self._chunks.clear()
        self._evictable.clear()

    def mark_evictable(self, key: bytes) -> None:
        """The last copy of it is over."""
        if key not in self._kept:
            self._evictable[key] = None

    def mark_non_evictable(self, key: bytes) -> None:
        """A copy from it begins."""
        self._evictable.pop(key, None)
