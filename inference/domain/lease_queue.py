"""Leases in an order, the first at hand. A lease that left is skipped when its turn
comes; the heap is made anew before those outnumber the others.
"""

import heapq
from collections.abc import Callable
from itertools import count

from inference.domain.lease import Lease

SKIPPED_MIN = 64

Key = tuple[int, ...]


class LeaseQueue:
    def __init__(self, key: Callable[[Lease], Key]) -> None:
        self._key = key
        self._order = count()
        self._heap: list[tuple[Key, int, Lease]] = []
        self._places: dict[str, int] = {}

    def put(self, lease: Lease) -> None:
        """Again after its key has changed: the old place counts no more."""
        place = next(self._order)
        self._places[lease.terms.lease_id] = place
        heapq.heappush(self._heap, (self._key(lease), place, lease))
        if len(self._heap) > 2 * len(self._places) + SKIPPED_MIN:
            self._heap = [entry for entry in self._heap if self._is_there(entry)]
            heapq.heapify(self._heap)

    def discard(self, lease: Lease) -> None:
        self._places.pop(lease.terms.lease_id, None)

    def first(self) -> Lease | None:
        while self._heap:
            entry = self._heap[0]
            if self._is_there(entry):
                return entry[2]
            heapq.heappop(self._heap)
        return None

    def pop(self) -> Lease | None:
        lease = self.first()
        if lease:
            heapq.heappop(self._heap)
            self.discard(lease)
        return lease

    def _is_there(self, entry: tuple[Key, int, Lease]) -> bool:
        return self._places.get(entry[2].terms.lease_id) == entry[1]
