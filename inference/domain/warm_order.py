"""Warm order: by it the control plane has the proxy call an engine for a cached prompt.

It stands where an API key would, `tfw_` and the signed text, and acts for that key: the
call is metered as any other of its tenant, and the engine holds what it computed.
"""

import enum
from typing import Annotated

import msgspec

from inference.domain import signed_text
from inference.domain.lease_terms import (
    Count,
    LeaseClass,
    Milliseconds,
    PreviousLease,
    Tier,
)
from inference.domain.signed_text import ForgedTextError, MalformedTextError

PREFIX = "tfw_"
FRESH_MS_MAX = 60_000
"""The order is read when the proxy receives the call: the way there and two clocks."""
_KEY_USE = b"tokenfab warm order v1"

CachedPromptId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
KeyDigest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class WarmOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    cached_prompt_id: CachedPromptId
    key_digest: KeyDigest
    """Hexadecimal SHA-256 of the API key that the call is made for."""
    engine_id: Count
    """The only engine that may serve the call."""
    lease_class: LeaseClass
    tier: Tier
    ttl_ms: Milliseconds
    """From the end of the call."""
    previous: PreviousLease | None = None
    """The lease that this one replaces."""
    is_at_our_cost: bool
    """All input counts as leased, and no limit of tokens or calls is asked; False: the
    cached prompt is being made, and the tenant pays its input as new."""
    issued_at_ms: Count
    """Milliseconds since the epoch."""


class OrderRejection(enum.StrEnum):
    MALFORMED = "malformed"
    FORGED = "forged"
    STALE = "stale"


class OrderRejectedError(Exception):
    def __init__(self, reason: OrderRejection) -> None:
        super().__init__(f"warm order rejected: {reason}")
        self.reason = reason


def derive_key(snapshot_secret: bytes) -> bytes:
    """Both planes have that secret, and nobody else."""
    return signed_text.derive_key(snapshot_secret, use=_KEY_USE)


def sign(order: WarmOrder, *, key: bytes) -> str:
    return PREFIX + signed_text.sign(msgspec.json.encode(order), key=key)


def verify(text: str, *, key: bytes, now_ms: int) -> WarmOrder:
    """`text` is whatever stood in place of a key. Raises OrderRejectedError."""
    order = _decode(_verified(text, key))
    if abs(now_ms - order.issued_at_ms) > FRESH_MS_MAX:
        raise OrderRejectedError(OrderRejection.STALE)
    return order


def _verified(text: str, key: bytes) -> bytes:
    if not text.startswith(PREFIX):
        raise OrderRejectedError(OrderRejection.MALFORMED)
    try:
        return signed_text.verified(text.removeprefix(PREFIX), key=key)
    except MalformedTextError as error:
        raise OrderRejectedError(OrderRejection.MALFORMED) from error
    except ForgedTextError as error:
        raise OrderRejectedError(OrderRejection.FORGED) from error


def _decode(body: bytes) -> WarmOrder:
    try:
        return msgspec.json.decode(body, type=WarmOrder)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise OrderRejectedError(OrderRejection.MALFORMED) from error
