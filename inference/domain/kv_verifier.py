"""Which KV blocks lie in which tier of an engine, counted from its KV events alone.

Names are counted, since a name may lie there twice and is gone when both copies are.
"""

from collections.abc import Sequence

from inference.domain.kv_control import KvBlocks, KvEvents
from inference.domain.kv_feed import KvEvent, KvFact
from inference.domain.lease_terms import Tier

HASHES_MAX = 500_000
"""Some 70 MB. A larger pool is not verified rather than half of it."""

Counts = dict[bytes, int]


class KvVerifier:
    def __init__(self, *, hashes_max: int = HASHES_MAX) -> None:
        self._hashes_max = hashes_max
        self._counts: dict[Tier, Counts] = {}
        self.epoch = ""
        self.sequence = 0
        """The last event that is counted."""
        self.is_blind = False
        """More lies there than is counted here."""

    def __len__(self) -> int:
        return sum(map(len, self._counts.values()))

    def has_seen(self, epoch: str, sequence: int) -> bool:
        return self.epoch == epoch and self.sequence >= sequence

    def take(self, told: KvEvents) -> bool:
        """What came after `sequence`. False: events are missing, so that nothing is
        known any more before `begin`. Another epoch is asked for from its beginning.
        """
        if told.epoch != self.epoch:
            self._forget(told.epoch)
            return True
        for event in told.events:
            if event.sequence != self.sequence + 1:
                self._forget(told.epoch)
                return False
            self._count(event)
        return bool(told.events) or told.last_sequence == self.sequence

    def begin(self, blocks: KvBlocks) -> None:
        """Anew from what lies there."""
        self._forget(blocks.epoch)
        self.sequence = blocks.last_sequence
        for tier, names in blocks.names.items():
            self._store(tier, names)

    def is_intact(self, tier: Tier, names: Sequence[bytes]) -> bool | None:
        """Whether all of them lie there; None: not known."""
        if self.is_blind:
            return None
        counts = self._counts.get(tier, {})
        return all(name in counts for name in names)

    def _count(self, event: KvEvent) -> None:
        self.sequence = event.sequence
        match event.fact:
            case KvFact.STORED:
                self._store(event.tier, event.hashes)
            case KvFact.REMOVED:
                self._remove(event.tier, event.hashes)
            case KvFact.CLEARED:
                self._counts.pop(event.tier, None)

    def _store(self, tier: Tier, names: Sequence[bytes]) -> None:
        if self.is_blind:
            return
        counts = self._counts.setdefault(tier, {})
        for name in names:
            counts[name] = counts.get(name, 0) + 1
        if len(self) > self._hashes_max:
            self._counts.clear()
            self.is_blind = True

    def _remove(self, tier: Tier, names: Sequence[bytes]) -> None:
        counts = self._counts.get(tier, {})
        for name in names:
            left = counts.get(name, 0) - 1
            if left > 0:
                counts[name] = left
            else:
                counts.pop(name, None)

    def _forget(self, epoch: str) -> None:
        self._counts.clear()
        self.epoch, self.sequence, self.is_blind = epoch, 0, False
