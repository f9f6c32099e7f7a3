"""Whether an engine names its blocks as we compute it, asked when it starts.

What is signed, compared and verified are these names. An engine that changed its way
would fail every proof, so it gives no leases rather than unproven ones.
"""

from collections.abc import Callable, Sequence

from inference.domain.block_hash import block_hashes

SALT = "salt of a probe"
BLOCKS = 3
"""The first is named with the salt, each of the others by the one before it."""


def why_unprovable(
    name_blocks: Callable[[Sequence[int], str], Sequence[bytes]], *, block_tokens: int
) -> str:
    """`name_blocks` of tokens and a salt is the engine's own. Empty: they agree."""
    tokens = range(BLOCKS * block_tokens)
    ours = list(block_hashes(tokens, salt=SALT, block_tokens=block_tokens))
    if list(name_blocks(tokens, SALT)) == ours:
        return ""
    return "it names its blocks in another way than the platform computes"
