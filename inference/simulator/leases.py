"""What becomes of leases at each moment in the life of a sequence.

The rules are those of the plugin in vLLM, `inference/domain/lease_*.py`; here they meet
the simulator's blocks.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http import HTTPStatus
from itertools import count
from typing import Any

from msgspec import structs

from inference.domain import lease_control as control
from inference.domain.block_hash import block_hashes
from inference.domain.kv_feed import KvFeed
from inference.domain.lease_caps import caps_of
from inference.domain.lease_control import EventsAfter, LeaseEvents
from inference.domain.lease_host import LowerHoldings
from inference.domain.lease_keeper import EngineFacts, LeaseKeeper
from inference.domain.lease_receipt import LeaseReceipt, public_form
from inference.domain.lease_terms import Tier, derive_key
from inference.kv_watch import KvWatch
from inference.simulator.blocks import (
    BLOCK_BYTES,
    BLOCK_TOKENS,
    BlockPool,
    Found,
    blocks_for,
)
from inference.simulator.faults import Kind
from inference.simulator.lower_memory import LowerMemory
from inference.simulator.sequences import Sequence
from inference.simulator.settings import Settings

PARAMETER = "lease"
"""Member of `kv_transfer_params`, in the request and in the answer."""


class Leases:
    def __init__(self, pool: BlockPool, settings: Settings) -> None:
        self._pool = pool
        self._host = _memory(settings.lease_host_mib, pool.feed, Tier.HOST)
        self._disk = _memory(settings.lease_disk_mib, pool.feed, Tier.DISK)
        self.keeper = LeaseKeeper(
            _facts(settings),
            key=derive_key(settings.key),
            pool=pool,
            clock_ms=_steady_clock_ms(),
            host=_holdings(self._host, Tier.HOST, settings),
            disk=_holdings(self._disk, Tier.DISK, settings),
            kv=pool.feed,
        )
        self.watch = KvWatch(self._ask)
        self._numbers = count(1)
        self._untold: set[int] = set()
        self._last_told = 0
        self._news = asyncio.Event()

    def arrived(self, sequence: Sequence) -> None:
        if sequence.lease is None:
            return
        turn_id = str(next(self._numbers))
        if self.keeper.arrived(turn_id, sequence.lease) is None:
            sequence.turn_id = turn_id

    def make_room(self, found: Found, *, output_tokens: int) -> None:
        """Before a waiting sequence gets its blocks: leases give way to it."""
        if self.keeper.table.holdings.held_blocks:
            self.keeper.make_room(
                lambda: self._pool.missing(found, output_tokens=output_tokens),
                spared=found.blocks,
            )

    def restorable_blocks(self, sequence: Sequence, known_blocks: int) -> int:
        """How many blocks after the known ones lie in a tier below; as in vLLM with the
        last one, even if then nothing is left of the prompt.
        """
        used = [one for one in self._lower() if one.used_blocks]
        if not used:
            return 0
        names = _hashes(sequence.prompt, sequence.salt)[known_blocks:]
        best = max(used, key=lambda memory: memory.leading(names))
        found = names[: best.leading(names)]
        best.touch(found)
        return len(found)

    def ended(self, sequence: Sequence, computed: list[int]) -> None:
        """Before its own hold on its blocks ends, which `computed` has filled."""
        if not sequence.turn_id:
            return
        hashes = _hashes(sequence.token_ids, sequence.salt)
        blocks = self._pool.full_blocks(computed, sequence.salt)
        self._pool.name(blocks, hashes)
        if self._host and self.keeper.is_for_host(sequence.turn_id):
            self._host.copy(hashes[: len(blocks)])
        if self._disk and self.keeper.is_for_disk(sequence.turn_id):
            self._disk.copy(hashes[: len(blocks)])
        with self._faults_of(sequence):
            receipt = self._end_turn(sequence, blocks, hashes)
        if receipt:
            sequence.told = {PARAMETER: public_form(receipt)}

    def never_began(self, sequence: Sequence) -> None:
        """Its caller left while it waited."""
        self.keeper.came_to_nothing(sequence.turn_id)

    def sweep(self) -> None:
        if len(self.keeper.table):
            self.keeper.sweep()

    def lose_all(self) -> None:
        """The cache is lost, above and below, but for what running sequences use."""
        self.keeper.lose_all()
        self._pool.forget()
        self._forget_lower()

    def break_pins(self) -> None:
        """What leases hold is gone, and the table of leases knows nothing of it."""
        self._pool.forget_named()
        self._forget_lower()

    def events(self, asked: EventsAfter) -> LeaseEvents:
        if not self._untold:
            return control.events(self.keeper, asked)
        more = structs.replace(asked, count_max=asked.count_max + len(self._untold))
        all_of_them = control.events(self.keeper, more)
        told = [one for one in all_of_them.receipts if self._is_told(one)]
        told = told[: asked.count_max]
        last = told[-1].sequence if told else asked.sequence
        return structs.replace(all_of_them, receipts=told, last_sequence=last)

    def tell(self) -> None:
        """At the end of a step, so that one answer brings all of its receipts."""
        last = self.keeper.feed.last_sequence
        if last != self._last_told:
            self._last_told = last
            self._news.set()
            self._news = asyncio.Event()

    async def next_receipt(self, *, seconds_max: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), seconds_max)

    def _lower(self) -> list[LowerMemory]:
        return [one for one in (self._host, self._disk) if one]

    def _forget_lower(self) -> None:
        for memory in self._lower():
            memory.forget()

    async def _ask(
        self, operation: str, asked: dict[str, Any]
    ) -> tuple[HTTPStatus, bytes]:
        told = control.answer(self.keeper, operation, asked)
        self.tell()
        return told

    def _end_turn(
        self, sequence: Sequence, blocks: list[int], hashes: list[bytes]
    ) -> LeaseReceipt | None:
        if not sequence.is_finished:
            return self.keeper.came_to_nothing(sequence.turn_id)
        return self.keeper.finished(sequence.turn_id, blocks=blocks, hashes=hashes)

    @contextlib.contextmanager
    def _faults_of(self, sequence: Sequence) -> Iterator[None]:
        """What befalls the lease of this turn alone."""
        holdings, first = self.keeper.table.holdings, self.keeper.feed.last_sequence + 1
        caps = holdings.caps
        if sequence.fault is Kind.FULL:
            holdings.caps = replace(caps, all_leases=holdings.held_blocks)
        try:
            yield
        finally:
            holdings.caps = caps
        if sequence.fault is Kind.GAP:
            self._untold.update(range(first, self.keeper.feed.last_sequence + 1))

    def _is_told(self, receipt: LeaseReceipt) -> bool:
        return receipt.sequence not in self._untold


def _hashes(tokens: list[int], salt: str) -> list[bytes]:
    return list(block_hashes(tokens, salt=salt, block_tokens=BLOCK_TOKENS))


def _memory(mib: int, feed: KvFeed, tier: Tier) -> LowerMemory | None:
    blocks = mib * 2**20 // BLOCK_BYTES
    return LowerMemory(blocks, feed, tier=tier) if blocks else None


def _holdings(
    memory: LowerMemory | None, tier: Tier, settings: Settings
) -> LowerHoldings | None:
    if memory is None:
        return None
    percent = settings.lease_tenant_percent
    return LowerHoldings(memory, tenant_percent=percent, tier=tier)


def _facts(settings: Settings) -> EngineFacts:
    return EngineFacts(
        engine_id=settings.engine_id,
        epoch=str(time.time_ns() // 1_000_000),
        block_tokens=BLOCK_TOKENS,
        block_bytes=BLOCK_BYTES,
        pool_blocks=settings.block_count,
        caps=caps_of(
            settings.block_count,
            running_blocks=blocks_for(settings.context_tokens),
            tenant_percent=settings.lease_tenant_percent,
        ),
    )


def _steady_clock_ms() -> Callable[[], int]:
    """Milliseconds since 1970 that never jump: the wall clock is read once."""
    start = time.time_ns() - time.monotonic_ns()
    return lambda: (start + time.monotonic_ns()) // 1_000_000
