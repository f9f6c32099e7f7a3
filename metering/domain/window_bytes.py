"""A limit's window of one minute, as the proxies' script leaves it in Valkey."""

import struct

from metering.domain.limits import BUCKET_MS, WINDOW_BUCKETS, Triple

_HEAD = struct.Struct("<12d")
_SLOT = struct.Struct("<3d")
_RING = 256


def use_of_window(window: bytes, *, now_ms: int) -> Triple:
    """Requests, tokens and images of the last minute, what proxies were granted at once
    included. `window` is as metering/proxy/lua/windows.lua writes it; empty: nothing.
    """
    if len(window) < _HEAD.size:
        return (0, 0, 0)
    head = _HEAD.unpack_from(window)
    written, sums = int(head[0]), head[1:4]
    first = written - WINDOW_BUCKETS
    gone = min(now_ms // BUCKET_MS - written, written - first)
    left = [_slot(window, first + at) for at in range(max(0, gone))]
    if now_ms // BUCKET_MS - written > WINDOW_BUCKETS:
        return (0, 0, 0)
    requests, tokens, images = (
        max(0, int(total - sum(slot[kind] for slot in left)))
        for kind, total in enumerate(sums)
    )
    return requests, tokens, images


def _slot(window: bytes, bucket: int) -> tuple[float, ...]:
    """Strings in Valkey end where nothing was written behind."""
    offset = _HEAD.size + bucket % _RING * _SLOT.size
    if offset + _SLOT.size > len(window):
        return (0.0, 0.0, 0.0)
    return _SLOT.unpack_from(window, offset)
