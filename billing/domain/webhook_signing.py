"""How an endpoint knows that a message is ours: Standard Webhooks, symmetric (`v1`)."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

SECRET_PREFIX = "whsec_"  # noqa: S105  the beginning of every secret, not one
OVERLAP = timedelta(days=1)
"""How long the secret before signs beside the new one."""


def derive_secret(key: bytes, endpoint_id: UUID, number: int) -> str:
    """The secret `number` of an endpoint. It follows from the server's key, so no
    table holds one; without the key nobody can tell it.
    """
    digest = hmac.digest(key, f"{endpoint_id}:{number}".encode(), hashlib.sha256)
    return SECRET_PREFIX + base64.b64encode(digest).decode()


def secret_numbers(
    number: int, rotated_at: datetime | None, *, now: datetime
) -> list[int]:
    """Which secrets of an endpoint sign now, the newest first."""
    is_overlapping = rotated_at is not None and now < rotated_at + OVERLAP
    return [number, number - 1] if is_overlapping else [number]


def signature_headers(
    secrets: Sequence[str], *, message_id: str, payload: str, now: datetime
) -> dict[str, str]:
    timestamp = str(int(now.timestamp()))
    signed = f"{message_id}.{timestamp}.{payload}".encode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(one, signed) for one in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
