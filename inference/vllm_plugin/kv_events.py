"""vLLM's KV events, into a feed of ours: what its pool of blocks tells of itself."""

from collections.abc import Iterator
from typing import Any

from vllm.distributed.kv_events import (
    MEDIUM_CPU,
    MEDIUM_GPU,
    MEDIUM_STORAGE,
    AllBlocksCleared,
    BlockRemoved,
    BlockStored,
    EventBatch,
    EventPublisher,
)

from inference.domain.kv_feed import KvFact, KvFeed
from inference.domain.lease_terms import Tier

_TIERS = {MEDIUM_GPU: Tier.HBM, MEDIUM_CPU: Tier.HOST, MEDIUM_STORAGE: Tier.DISK}
"""vLLM calls the pool of an engine without a GPU by the same name."""

Change = tuple[KvFact, Tier, list[Any]]


class FeedPublisher(EventPublisher):
    """Called by the scheduler at the end of each step, in the engine core."""

    def __init__(self, feed: KvFeed) -> None:
        super().__init__()
        self._feed = feed

    def publish(self, events: EventBatch) -> None:
        for event in events.events:
            for fact, tier, names in _changes(event):
                self._feed.tell(fact, tier, names)

    def shutdown(self) -> None:
        pass


def _changes(event: object) -> Iterator[Change]:
    match event:
        case BlockStored(medium=str(medium)) if medium in _TIERS:
            yield KvFact.STORED, _TIERS[medium], event.block_hashes
        case BlockRemoved(medium=str(medium)) if medium in _TIERS:
            yield KvFact.REMOVED, _TIERS[medium], event.block_hashes
        case AllBlocksCleared():  # told by the pool in HBM, of itself
            yield KvFact.CLEARED, Tier.HBM, []
