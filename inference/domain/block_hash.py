"""Names of KV blocks, as vLLM computes them with `sha256_cbor`.

A block's hash covers its parent's, so one equal hash proves all blocks before it equal.
The hashed value is canonical CBOR of `(parent, tokens, extra keys)`. Only the few forms
that occur in it are written here: the control plane needs no CBOR library for them, and
a contract test compares the result with a running engine.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import lru_cache

ROOT_SEED = "vllm-none-hash"
"""What vLLM hashes in place of a first block's parent, unless PYTHONHASHSEED is set."""

_BYTES, _TEXT, _ARRAY = 2, 3, 4
_NULL = b"\xf6"


def block_hashes(
    tokens: Sequence[int], *, salt: str, block_tokens: int
) -> Iterator[bytes]:
    """The hash of each full block; an empty salt is none."""
    parent = hashlib.sha256(_text(ROOT_SEED)).digest()
    for start in range(0, len(tokens) - block_tokens + 1, block_tokens):
        block = tokens[start : start + block_tokens]
        parent = _hash(parent, block, salt=salt if start == 0 else "")
        yield parent


def equal_blocks(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """How many leading blocks are the same; by halving, since hashes are chained."""
    shorter = min(len(one), len(other))
    return bisect_left(
        range(shorter), True, key=lambda index: one[index] != other[index]
    )


def _hash(parent: bytes, tokens: Sequence[int], *, salt: str) -> bytes:
    keys = _salt_keys(salt) if salt else _NULL
    ids = _head(_ARRAY, len(tokens)) + b"".join(map(_token, tokens))
    parts = (_head(_ARRAY, 3), _head(_BYTES, len(parent)), parent, ids, keys)
    return hashlib.sha256(b"".join(parts)).digest()


def _salt_keys(salt: str) -> bytes:
    pair = _head(_ARRAY, 2) + _text("cache_salt") + _text(salt)
    return _head(_ARRAY, 1) + pair


@lru_cache(maxsize=2**16)
def _token(token: int) -> bytes:
    """Kept, since writing them again takes most of the time that a hash takes."""
    return _head(0, token)


def _text(text: str) -> bytes:
    return _head(_TEXT, len(text.encode())) + text.encode()


def _head(major: int, number: int) -> bytes:
    """CBOR's type and number in the fewest bytes (RFC 8949, section 3)."""
    if number < 24:  # noqa: PLR2004 - RFC 8949: these fit beside the type
        return bytes([major << 5 | number])
    for code, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * size:
            return bytes([major << 5 | code]) + number.to_bytes(size, "big")
    raise OverflowError(f"{number} does not fit in CBOR's 64 bits")
