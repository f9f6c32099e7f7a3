"""What an engine's pool of blocks tells of itself: which names of KV blocks came to lie
in a tier and which left it, numbered.

Whoever stores and evicts blocks tells it, and never the table of leases: so that one
can be held against the other.
"""

import enum
from collections import deque
from collections.abc import Sequence
from itertools import islice

import msgspec

from inference.domain.lease_terms import Tier

HASHES_KEPT_MAX = 200_000
"""For readers who come late; some 20 MB."""
HASHES_TOLD_MAX = 20_000
"""In one answer; an engine builds it between two steps."""


class KvFact(enum.StrEnum):
    STORED = "stored"
    REMOVED = "removed"
    """One copy of each name; another may lie there still."""
    CLEARED = "cleared"
    """Nothing of this tier is left."""


class KvEvent(msgspec.Struct, frozen=True, array_like=True):
    sequence: int
    """From 1 in each epoch."""
    fact: KvFact
    tier: Tier
    hashes: tuple[bytes, ...] = ()


class KvFeed:
    """The last events of one engine epoch."""

    def __init__(self, *, hashes_max: int = HASHES_KEPT_MAX) -> None:
        self._events: deque[KvEvent] = deque()
        self._hashes_max = hashes_max
        self._hashes = 0
        self.last_sequence = 0

    def tell(self, fact: KvFact, tier: Tier, hashes: Sequence[bytes] = ()) -> None:
        self.last_sequence += 1
        self._events.append(KvEvent(self.last_sequence, fact, tier, tuple(hashes)))
        self._hashes += _weight(self._events[-1])
        while self._hashes > self._hashes_max:
            self._hashes -= _weight(self._events.popleft())

    def after(self, sequence: int, *, hashes_max: int) -> list[KvEvent]:
        """In order, at least one if there is any. The first one's number tells whether
        some are forgotten.
        """
        first = self.last_sequence - len(self._events) + 1
        told: list[KvEvent] = []
        for event in islice(self._events, max(0, sequence + 1 - first), None):
            told.append(event)
            hashes_max -= _weight(event)
            if hashes_max <= 0:
                break
        return told


def _weight(event: KvEvent) -> int:
    return len(event.hashes) + 1
