"""The block pool and its prefix cache: who shares which KV blocks, and for how long.

Follows vLLM: a block is found by the hash of its tokens, its parent's hash and, in the
first block, the cache salt; released blocks stay findable until they are evicted, the
least recently released first and the end of a sequence before its beginning.
"""

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

BLOCK_TOKENS = 32


@dataclass(eq=False, slots=True)
class Block:
    key: bytes | None = None
    """The block hash; None: not full, or a second copy of a known block."""
    holders: int = 0


@dataclass(slots=True)
class Allocation:
    """The blocks of one sequence; give it back with `release`, once."""

    prompt_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    """Prompt tokens computed and written; prompt = cached + written + a tail that
    fills no block."""
    salt: str
    blocks: list[Block] = field(default_factory=list)


def block_keys(tokens: Sequence[int], salt: str = "") -> Iterator[bytes]:
    """The hash of each full block of `tokens`, in order."""
    parent = hashlib.sha256(salt.encode()).digest()
    for start in range(0, len(tokens) - BLOCK_TOKENS + 1, BLOCK_TOKENS):
        body = array("I", tokens[start : start + BLOCK_TOKENS]).tobytes()
        parent = hashlib.sha256(parent + body).digest()
        yield parent


def blocks_for(token_count: int) -> int:
    return -(-token_count // BLOCK_TOKENS)


class BlockPool:
    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free: OrderedDict[Block, None] = OrderedDict.fromkeys(
            Block() for _ in range(capacity)
        )
        self._by_key: dict[bytes, Block] = {}

    @property
    def usage(self) -> float:
        """Share of blocks held by running sequences, 0 to 1."""
        return (self.capacity - len(self._free)) / self.capacity

    def allocate(
        self, prompt: Sequence[int], *, output_tokens: int, salt: str = ""
    ) -> Allocation | None:
        """Blocks for the prompt and its whole output; None: not enough are free.

        The last prompt token is always computed, since its result is the first output
        token: a prompt that is wholly known still misses its last block.
        """
        keys = list(block_keys(prompt, salt))
        known = list(self._known(islice(keys, (len(prompt) - 1) // BLOCK_TOKENS)))
        missing = blocks_for(len(prompt) + output_tokens) - len(known)
        idle = sum(1 for block in known if not block.holders)
        if missing > len(self._free) - idle:
            return None
        cached = len(known) * BLOCK_TOKENS
        self._hold(known)
        fresh = [self._take() for _ in range(missing)]
        self._learn(fresh, keys[len(known) :])
        return Allocation(
            prompt_tokens=len(prompt),
            cached_tokens=cached,
            cache_write_tokens=len(keys) * BLOCK_TOKENS - cached,
            salt=salt,
            blocks=known + fresh,
        )

    def release(self, allocation: Allocation, computed: Sequence[int]) -> None:
        """Give the blocks back; those that `computed` (prompt and output) filled stay
        findable until they are evicted.
        """
        first = allocation.prompt_tokens // BLOCK_TOKENS
        if len(computed) // BLOCK_TOKENS > first:
            keys = islice(block_keys(computed, allocation.salt), first, None)
            self._learn(allocation.blocks[first:], keys)
        for block in reversed(allocation.blocks):
            block.holders -= 1
            if not block.holders:
                self._free[block] = None
        allocation.blocks = []

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

    def _take(self) -> Block:
        block, _ = self._free.popitem(last=False)
        if block.key is not None:
            del self._by_key[block.key]
            block.key = None
        block.holders = 1
        return block

    def _learn(self, blocks: Iterable[Block], keys: Iterable[bytes]) -> None:
        for key, block in zip(keys, blocks, strict=False):
            if key not in self._by_key:
                self._by_key[key] = block
                block.key = key
