"""What an engine does with leases at each moment of a request's life.

It joins signed terms, the table and the engine's pool of blocks. The engine says what
happens; nothing here knows which engine that is.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from inference.domain.kv_feed import KvFeed
from inference.domain.lease_caps import LeaseCaps
from inference.domain.lease_feed import LeaseFeed
from inference.domain.lease_host import LowerHoldings
from inference.domain.lease_receipt import LeaseReceipt, Reason
from inference.domain.lease_table import Change, LeaseTable, Turn
from inference.domain.lease_terms import (
    Rejection,
    TermsRejectedError,
    Tier,
    verify,
)

ROUNDS_MAX = 64
"""Of revoking for one request: a freed block may turn out to be in use elsewhere."""


class Pool(Protocol):
    """The engine's blocks."""

    def pin(self, blocks: Sequence[int]) -> None: ...

    def free(self, blocks: Sequence[int]) -> None: ...

    def names(self) -> list[bytes]:
        """By which its blocks are found; of two that are the same, twice."""
        ...


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """Who the engine is and what it has, fixed for one epoch."""

    engine_id: str
    epoch: str
    block_tokens: int
    block_bytes: int
    pool_blocks: int
    caps: LeaseCaps
    unsupported: str = ""
    """Why this engine gives no leases; empty: it does."""


class LeaseKeeper:
    def __init__(
        self,
        facts: EngineFacts,
        *,
        key: bytes,
        pool: Pool,
        clock_ms: Callable[[], int],
        host: LowerHoldings | None = None,
        disk: LowerHoldings | None = None,
        kv: KvFeed | None = None,
    ) -> None:
        """`kv` is what the engine's pool tells of itself; None: it tells nothing, and
        no lease is verified.
        """
        self.facts = facts
        self.clock_ms = clock_ms
        self.host = host
        self.disk = disk
        self.kv = kv
        self.rejected: Counter[Rejection] = Counter()
        self.disproved = 0
        """Leases that were held in name only."""
        self.feed = LeaseFeed(
            engine_id=facts.engine_id,
            epoch=facts.epoch,
            block_tokens=facts.block_tokens,
            block_bytes=facts.block_bytes,
        )
        self.table = LeaseTable(caps=facts.caps, feed=self.feed, host=host, disk=disk)
        self._key = key
        self._pool = pool
        self._turns: dict[str, Turn] = {}

    def stop_if(self, unsupported: str) -> None:
        """Gives no leases from now on, for this reason; empty: goes on."""
        self.facts = replace(self.facts, unsupported=unsupported)

    def arrived(self, request_id: str, text: object) -> Rejection | None:
        """`text` stood in the request as its lease. A rejection is counted, and the
        request runs as if it had asked for none.
        """
        now_ms = self.clock_ms()
        self.carry_out(self.table.sweep(now_ms=now_ms))
        try:
            terms = verify(
                text, key=self._key, engine_id=self.facts.engine_id, now_ms=now_ms
            )
            self._turns[request_id] = self.table.arrive(terms, now_ms=now_ms)
        except TermsRejectedError as rejected:
            self.rejected[rejected.reason] += 1
            return rejected.reason
        return None

    def finished(
        self, request_id: str, *, blocks: Sequence[int], hashes: Sequence[bytes]
    ) -> LeaseReceipt | None:
        """Before the request's own hold on its blocks ends. None: it asked for none."""
        turn = self._turns.pop(request_id, None)
        if turn is None:
            return None
        now_ms = self.clock_ms()
        change = self.table.sweep(now_ms=now_ms)
        self.carry_out(change)
        if self.facts.unsupported:
            change = self.table.abandon(
                turn, reason=Reason.UNSUPPORTED_MODEL, now_ms=now_ms
            )
        else:
            change = self.table.commit(
                turn, blocks=blocks, hashes=hashes, now_ms=now_ms
            )
        return self.carry_out(change)

    def came_to_nothing(self, request_id: str) -> LeaseReceipt | None:
        turn = self._turns.pop(request_id, None)
        if turn is None:
            return None
        change = self.table.abandon(
            turn, reason=Reason.TURN_ABORTED, now_ms=self.clock_ms()
        )
        return self.carry_out(change)

    def is_for_host(self, request_id: str) -> bool:
        """Whether the blocks of this request are to be copied to host memory."""
        turn = self._turns.get(request_id)
        return turn is not None and turn.terms.host_ttl_ms > 0

    def is_for_disk(self, request_id: str) -> bool:
        turn = self._turns.get(request_id)
        return turn is not None and turn.terms.disk_ttl_ms > 0

    def lose_all(self) -> None:
        """The engine has lost its cache."""
        change = self.table.lose_all(reason=Reason.CACHE_RESET, now_ms=self.clock_ms())
        self.carry_out(change)

    def stored_names(self) -> dict[Tier, list[bytes]]:
        lower = {Tier.HOST: self.host, Tier.DISK: self.disk}
        below = {tier: one.names() for tier, one in lower.items() if one}
        return {Tier.HBM: self._pool.names()} | below

    def prove(self, lease_ids: Iterable[str]) -> None:
        """Their blocks lie there, as the KV events tell."""
        now_ms = self.clock_ms()
        for lease_id in lease_ids:
            self.table.prove(lease_id, now_ms=now_ms)

    def disprove(self, wanting: Iterable[tuple[str, Tier]]) -> int:
        """How many leases ended by it."""
        now_ms, ended = self.clock_ms(), 0
        for lease_id, tier in wanting:
            change = self.table.disprove(lease_id, tier, now_ms=now_ms)
            ended += len(change.receipts)
            self.carry_out(change)
        self.disproved += ended
        return ended

    def sweep(self) -> None:
        self.carry_out(self.table.sweep(now_ms=self.clock_ms()))

    def make_room(
        self, missing: Callable[[], int], *, spared: Collection[int] = ()
    ) -> bool:
        """Ends leases until nothing is `missing`, which the engine tells anew after
        each round: a block may have other users. Whether it ended any.
        """
        has_freed = False
        for _ in range(ROUNDS_MAX):
            blocks = missing()
            if blocks <= 0 or not self.table.holdings.held_blocks:
                break
            change = self.table.make_room(blocks, now_ms=self.clock_ms(), spared=spared)
            self.carry_out(change)
            if not change.free:
                break
            has_freed = True
        return has_freed

    def carry_out(self, change: Change) -> LeaseReceipt | None:
        """The last receipt is that of the act itself."""
        if change.pin:
            self._pool.pin(change.pin)
        if change.free:
            self._pool.free(change.free)
        return change.receipts[-1] if change.receipts else None
