"""Merkle trees of RFC 6962 (2.1): the root of many hashes, and proofs of one of them.

All take and give hashes of 32 bytes; leaves are leaf hashes already.
"""

import hashlib
from collections.abc import Iterable, Sequence

BLOCK = 1024
"""A power of two: the roots of so many leaves each are the nodes of one level."""
_NODE = b"\x01"


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """In memory that grows with the logarithm of their number; of none it is the hash
    of nothing.
    """
    peaks: list[tuple[int, bytes]] = []
    for leaf in leaves:
        size, root = 1, leaf
        while peaks and peaks[-1][0] == size:
            root = node(peaks.pop()[1], root)
            size *= 2
        peaks.append((size, root))
    if not peaks:
        return hashlib.sha256().digest()
    root = peaks.pop()[1]
    while peaks:
        root = node(peaks.pop()[1], root)
    return root


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from the leaf at `index` to the root, nearest first.

    Raises IndexError where there is none.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    if len(leaves) == 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    left, right = leaves[:half], leaves[half:]
    if index < half:
        return [*inclusion_proof(left, index), merkle_root(right)]
    return [*inclusion_proof(right, index - half), merkle_root(left)]


def root_by_proof(
    leaf: bytes, *, index: int, size: int, proof: Sequence[bytes]
) -> bytes | None:
    """The root of `size` leaves that the proof leads to; None: it is no proof.

    RFC 9162, 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    place, last, root = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            root = node(sibling, root)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            root = node(root, sibling)
        place, last = place >> 1, last >> 1
    return root if last == 0 else None
