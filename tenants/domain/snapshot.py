"""Signed, versioned state that the control plane hands to the data plane.

A snapshot is `hex(HMAC-SHA256 of the rest) + b"." + gzip(payload)`. The payload is a
JSON object `{"kind", "version", "issued_at", "expires_at", "items"}`. The kind is under
the signature, so that one kind of snapshot cannot be passed off as another.
"""

import hashlib
import hmac
import zlib
from typing import Any, Generic, TypeVar

import msgspec

_MAC_HEX_LENGTH = 64
_GZIP_LEVEL = 1
"""Makes 0.6 MB of the 7 MB of ten thousand keys; a higher one hardly makes less."""
_GZIP_WBITS = 31
_SIZE_BYTES = 4
"""At the end of gzip's form: how long the payload is (RFC 1952, 2.3.1)."""


class SnapshotRejectedError(Exception):
    """Signature, kind or form is wrong; the data plane keeps the snapshot it has."""


Item = TypeVar("Item")


class Snapshot(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    kind: str
    version: int
    """Rises with every publication; the data plane never goes back."""
    issued_at: float
    expires_at: float
    """Seconds since the epoch; after it the data plane admits nothing."""
    items: list[Item]


def valkey_key(kind: str) -> str:
    return f"tokenfab:snapshot:{kind}"


def valkey_version_key(kind: str) -> str:
    """Holds the version alone, so that a poll costs a few bytes."""
    return f"tokenfab:snapshot:{kind}:version"


def _mac(packed: bytes | memoryview, secret: bytes) -> bytes:
    return hmac.new(secret, packed, hashlib.sha256).hexdigest().encode()


def sign(payload: bytes, *, secret: bytes) -> bytes:
    packed = zlib.compress(payload, _GZIP_LEVEL, _GZIP_WBITS)
    return _mac(packed, secret) + b"." + packed


def _unpacked(packed: memoryview) -> bytes:
    """Into a buffer of its very size: one that grows is there twice for a while."""
    size = int.from_bytes(packed[-_SIZE_BYTES:], "little")
    return zlib.decompress(packed, _GZIP_WBITS, max(1, size))


def verify(
    blob: bytes, *, kind: str, secret: bytes, item_type: Any = Any
) -> Snapshot[Any]:
    """Raises SnapshotRejectedError unless `blob` was signed with `secret` as `kind` and
    its items have the form of `item_type`.
    """
    mac, dot = blob[:_MAC_HEX_LENGTH], blob[_MAC_HEX_LENGTH : _MAC_HEX_LENGTH + 1]
    packed = memoryview(blob)[_MAC_HEX_LENGTH + 1 :]
    if dot != b"." or not hmac.compare_digest(mac, _mac(packed, secret)):
        raise SnapshotRejectedError("the signature does not match")
    try:
        payload = _unpacked(packed)
        form: Any = Snapshot[item_type]
        snapshot: Snapshot[Any] = msgspec.json.decode(payload, type=form)
    except (
        zlib.error,
        msgspec.MsgspecError,
        UnicodeDecodeError,
        RecursionError,
    ) as error:
        raise SnapshotRejectedError(f"the payload is malformed: {error}") from error
    if snapshot.kind != kind:
        raise SnapshotRejectedError(f"expected {kind}, got {snapshot.kind}")
    return snapshot
