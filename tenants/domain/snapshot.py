"""Signed, versioned state that the control plane hands to the data plane.

A snapshot is `hex(HMAC-SHA256) + b"." + payload`. The payload is a JSON object
`{"kind", "version", "issued_at", "expires_at", "items"}`. The kind is under the
signature, so that one kind of snapshot cannot be passed off as another.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

_MAC_HEX_LENGTH = 64


class SnapshotRejectedError(Exception):
    """Signature, kind or form is wrong; the data plane keeps the snapshot it has."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    kind: str
    version: int
    """Rises with every publication; the data plane never goes back."""
    issued_at: float
    expires_at: float
    """Seconds since the epoch; after it the data plane admits nothing."""
    items: list[Any]


def valkey_key(kind: str) -> str:
    return f"tokenfab:snapshot:{kind}"


def valkey_version_key(kind: str) -> str:
    """Holds the version alone, so that a poll costs a few bytes."""
    return f"tokenfab:snapshot:{kind}:version"


def _mac(payload: bytes, secret: bytes) -> bytes:
    return hmac.new(secret, payload, hashlib.sha256).hexdigest().encode()


def sign(payload: bytes, *, secret: bytes) -> bytes:
    return _mac(payload, secret) + b"." + payload


def verify(blob: bytes, *, kind: str, secret: bytes) -> Snapshot:
    """Raises SnapshotRejectedError unless `blob` was signed with `secret` as `kind`."""
    mac, dot, payload = (
        blob[:_MAC_HEX_LENGTH],
        blob[_MAC_HEX_LENGTH : _MAC_HEX_LENGTH + 1],
        blob[_MAC_HEX_LENGTH + 1 :],
    )
    if dot != b"." or not hmac.compare_digest(mac, _mac(payload, secret)):
        raise SnapshotRejectedError("the signature does not match")
    try:
        snapshot = Snapshot(**json.loads(payload))
    except (TypeError, ValueError) as error:
        raise SnapshotRejectedError("the payload is malformed") from error
    if snapshot.kind != kind:
        raise SnapshotRejectedError(f"expected {kind}, got {snapshot.kind}")
    return snapshot
