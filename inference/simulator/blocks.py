"""The block pool and its prefix cache: who shares which KV blocks, and for how long.

Follows vLLM: a block is found by the hash of its tokens, its parent's hash and, in the
first block, the cache salt; released blocks stay findable until they are evicted, the
least recently released first and the end of a sequence before its beginning. Leases are
one more holder of a block.
"""

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from inference.domain.kv_feed import KvFact, KvFeed
from inference.domain.lease_terms import Tier

BLOCK_TOKENS = 32
BLOCK_BYTES = BLOCK_TOKENS * 46_080
"""Keys and values of SmolLM2-135M in float32: 30 layers of 3 heads of 64 numbers."""


@dataclass(eq=False, slots=True)
class Block:
    number: int
    key: bytes | None = None
    """The block hash; None: not full, or a second copy of a known block."""
    holders: int = 0
    name: bytes | None = None
    """The hash that vLLM would give it; None: no lease has asked for it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the pool has of a prompt already."""

    prompt_tokens: int
    salt: str
    keys: list[bytes]
    """Of all full blocks of the prompt."""
    known: list[Block]
    """Those of them that lie in the pool, from the beginning."""

    @property
    def blocks(self) -> set[int]:
        return {block.number for block in self.known}


@dataclass(slots=True)
class Allocation:
    """The blocks of one sequence; give it back with `release`, once."""

    prompt_tokens: int
    cached_tokens: int
    restored_tokens: int
    """The part of `cached_tokens` that came up from host memory."""
    cache_write_tokens: int
    """Prompt tokens computed and written; prompt = cached + written + a tail that
    fills no block."""
    salt: str
    blocks: list[Block] = field(default_factory=list)


def block_keys(tokens: Sequence[int], salt: str = "") -> Iterator[bytes]:
    """The hash of each full block of `tokens`, in order.

    Not the one that leases tell, which is vLLM's: that takes five times as long, and
    only leases need it.
    """
    parent = hashlib.sha256(salt.encode()).digest()
    for start in range(0, len(tokens) - BLOCK_TOKENS + 1, BLOCK_TOKENS):
        body = array("I", tokens[start : start + BLOCK_TOKENS]).tobytes()
        parent = hashlib.sha256(parent + body).digest()
        yield parent


def blocks_for(token_count: int) -> int:
    return -(-token_count // BLOCK_TOKENS)


class BlockPool:
    def __init__(self, capacity: int) -> None:
        self.feed = KvFeed()
        """Of the blocks that have names."""
        self.capacity = capacity
        self._blocks = [Block(number) for number in range(capacity)]
        self._free: OrderedDict[Block, None] = OrderedDict.fromkeys(self._blocks)
        self._by_key: dict[bytes, Block] = {}

    @property
    def usage(self) -> float:
        """Share of blocks held by running sequences and by leases, 0 to 1."""
        return (self.capacity - len(self._free)) / self.capacity

    def find(self, prompt: Sequence[int], salt: str = "") -> Found:
        """The last prompt token is always computed, since its result is the first
        output token: a prompt that is wholly known still misses its last block.
        """
        keys = list(block_keys(prompt, salt))
        known = list(self._known(islice(keys, (len(prompt) - 1) // BLOCK_TOKENS)))
        return Found(len(prompt), salt, keys, known)

    def missing(self, found: Found, *, output_tokens: int) -> int:
        """Blocks that must become free before the prompt and its whole output fit."""
        wanted = blocks_for(found.prompt_tokens + output_tokens) - len(found.known)
        idle = sum(1 for block in found.known if not block.holders)
        return wanted + idle - len(self._free)

    def allocate(
        self, found: Found, *, output_tokens: int, restored_blocks: int = 0
    ) -> Allocation | None:
        """Blocks for the prompt and its whole output; None: not enough are free.

        `restored_blocks` after the known ones need not be computed either.
        """
        if self.missing(found, output_tokens=output_tokens) > 0:
            return None
        count = blocks_for(found.prompt_tokens + output_tokens)
        self._hold(found.known)
        fresh = [self._take() for _ in range(count - len(found.known))]
        self._learn(fresh, found.keys[len(found.known) :])
        cached = (len(found.known) + restored_blocks) * BLOCK_TOKENS
        return Allocation(
            prompt_tokens=found.prompt_tokens,
            cached_tokens=cached,
            restored_tokens=restored_blocks * BLOCK_TOKENS,
            cache_write_tokens=len(found.keys) * BLOCK_TOKENS - cached,
            salt=found.salt,
            blocks=found.known + fresh,
        )

    def learn(self, allocation: Allocation, computed: Sequence[int]) -> None:
        """From here on the blocks that `computed` (prompt and output) filled are
        findable until they are evicted.
        """
        first = allocation.prompt_tokens // BLOCK_TOKENS
        if len(computed) // BLOCK_TOKENS > first:
            keys = islice(block_keys(computed, allocation.salt), first, None)
            self._learn(allocation.blocks[first:], keys)

    def release(self, allocation: Allocation) -> None:
        self._let_go(reversed(allocation.blocks))
        allocation.blocks = []

    def full_blocks(self, tokens: Sequence[int], salt: str) -> list[int]:
        """The blocks by which the beginning of `tokens` is found."""
        return [block.number for block in self._known(block_keys(tokens, salt))]

    def name(self, blocks: Sequence[int], names: Sequence[bytes]) -> None:
        """From here on it is told what becomes of these blocks."""
        fresh = []
        for number, name in zip(blocks, names, strict=False):
            if self._blocks[number].name is None:
                self._blocks[number].name = name
                fresh.append(name)
        if fresh:
            self.feed.tell(KvFact.STORED, Tier.HBM, fresh)

    def names(self) -> list[bytes]:
        return [block.name for block in self._blocks if block.name is not None]

    def pin(self, blocks: Sequence[int]) -> None:
        self._hold([self._blocks[number] for number in blocks])

    def free(self, blocks: Sequence[int]) -> None:
        """The first is evicted first."""
        self._let_go(self._blocks[number] for number in blocks)

    def forget(self) -> None:
        """Nothing is found any more but what somebody holds."""
        for block in self._free:
            self._forget(block)

    def forget_named(self) -> None:
        """Whoever holds it: what a pin that does not hold would come to."""
        for block in self._blocks:
            if block.name is not None:
                self._forget(block)

    def _known(self, keys: Iterable[bytes]) -> Iterator[Block]:
        for key in keys:
            block = self._by_key.get(key)
            if block is None:
                return
            yield block

    def _hold(self, blocks: list[Block]) -> None:
        for block in blocks:
            if not block.holders:
                del self._free[block]
            block.holders += 1

    def _let_go(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            block.holders -= 1
            if not block.holders:
                self._free[block] = None

    def _take(self) -> Block:
        block, _ = self._free.popitem(last=False)
        self._forget(block)
        block.holders = 1
        return block

    def _forget(self, block: Block) -> None:
        if block.key is not None:
            del self._by_key[block.key]
            block.key = None
        if block.name is not None:
            self.feed.tell(KvFact.REMOVED, Tier.HBM, (block.name,))
            block.name = None

    def _learn(self, blocks: Iterable[Block], keys: Iterable[bytes]) -> None:
        for key, block in zip(keys, blocks, strict=False):
            if key not in self._by_key:
                self._by_key[key] = block
                block.key = key
