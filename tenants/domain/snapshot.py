"""Signed, versioned state that the control plane hands to the data plane.

A snapshot is `hex(HMAC-SHA256) + b"." + payload`. The payload is a JSON object
`{"kind", "version", "issued_at", "expires_at", "items"}`. The kind is under the
signature, so that one kind of snapshot cannot be passed off as another.
"""

import hashlib
import hmac
from typing import Any, Generic, TypeVar

import msgspec

_MAC_HEX_LENGTH = 64


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


def _mac(payload: bytes | memoryview, secret: bytes) -> bytes:
    return hmac.new(secret, payload, hashlib.sha256).hexdigest().encode()


def sign(payload: bytes, *, secret: bytes) -> bytes:
    return _mac(payload, secret) + b"." + payload


def verify(
    blob: bytes, *, kind: str, secret: bytes, item_type: Any = Any
) -> Snapshot[Any]:
    """Raises SnapshotRejectedError unless `blob` was signed with `secret` as `kind` and
    its items have the form of `item_type`.
    """
    mac, dot = blob[:_MAC_HEX_LENGTH], blob[_MAC_HEX_LENGTH : _MAC_HEX_LENGTH + 1]
    payload = memoryview(blob)[_MAC_HEX_LENGTH + 1 :]  # some MB: not copied
    if dot != b"." or not hmac.compare_digest(mac, _mac(payload, secret)):
        raise SnapshotRejectedError("the signature does not match")
    try:
        form: Any = Snapshot[item_type]
        snapshot: Snapshot[Any] = msgspec.json.decode(payload, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotRejectedError(f"the payload is malformed: {error}") from error
    if snapshot.kind != kind:
        raise SnapshotRejectedError(f"expected {kind}, got {snapshot.kind}")
    return snapshot
