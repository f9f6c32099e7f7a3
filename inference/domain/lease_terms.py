"""Lease terms: what the proxy asks an engine to hold when a turn ends, signed.

They travel as one signed text in `kv_transfer_params.lease` (ADR 0018). The key is
derived from the engine's own bearer key: whoever may call the engine at all may sign,
and nobody else.
"""

import enum
from typing import Annotated, Literal

import msgspec

from inference.domain import signed_text
from inference.domain.signed_text import ForgedTextError, MalformedTextError

FRESH_MS_MAX = 60_000
"""Terms are read when the engine receives the request, not when the turn is scheduled;
so only the way there and two clocks count."""

GRACE_MS = 5_000
"""What the platform adds to the time that it sells."""

_KEY_USE = b"tokenfab lease terms v1"

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=366 * 86_400_000)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
HexHash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class LeaseClass(enum.StrEnum):
    ELASTIC = "elastic"
    GUARANTEED = "guaranteed"


class Tier(enum.StrEnum):
    """Where KV lies, or may lie: `auto` leaves it to the engine."""

    AUTO = "auto"
    HBM = "hbm"
    HOST = "host"
    DISK = "disk"


class PreviousLease(msgspec.Struct, frozen=True, kw_only=True):
    """A lease that a turn continues or reads: enough to prove equality without it."""

    lease_id: Id
    tokens: Count
    last_hash: HexHash


class LeaseTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: Literal[1] = 1
    lease_id: Id
    """Of the lease to be granted; used once."""
    tenant_id: Id
    engine_id: Id
    """As the engine tells it; terms for another engine are refused."""
    lease_class: LeaseClass = LeaseClass.ELASTIC
    tier: Tier = Tier.AUTO
    ttl_ms: Milliseconds
    """In HBM, from the end of the turn; 0: not held there."""
    host_ttl_ms: Milliseconds = 0
    """In host memory, from the end of the turn; 0: lost when it leaves HBM."""
    disk_ttl_ms: Milliseconds = 0
    """On disk, from the end of the turn; 0: lost when it leaves what is above."""
    grace_ms: Milliseconds = GRACE_MS
    """Held longer than sold, at our cost: arrival at the proxy decides."""
    value: Count
    """Price per byte-second times the chance of a return; the lowest goes first."""
    previous: PreviousLease | None = None
    """Ends with the turn."""
    base: PreviousLease | None = None
    """Only read, and paid for by itself: the lease of a cached prompt."""
    tokens_max: Count | None = None
    """Whole blocks within so many of the turn's first tokens are held; None: all."""
    issued_at_ms: Count
    """Milliseconds since the epoch."""


class Rejection(enum.StrEnum):
    """Why terms count for nothing. The request itself runs all the same."""

    MALFORMED = "malformed"
    FORGED = "forged"
    STALE = "stale"
    OTHER_ENGINE = "other_engine"
    REPLAYED = "replayed"
    FOREIGN_LEASE = "foreign_lease"


class TermsRejectedError(Exception):
    def __init__(self, reason: Rejection) -> None:
        super().__init__(f"lease terms rejected: {reason}")
        self.reason = reason


def derive_key(engine_key: str) -> bytes:
    return signed_text.derive_key(engine_key.encode(), use=_KEY_USE)


def sign(terms: LeaseTerms, *, key: bytes) -> str:
    return signed_text.sign(msgspec.json.encode(terms), key=key)


def verify(text: object, *, key: bytes, engine_id: str, now_ms: int) -> LeaseTerms:
    """`text` is whatever stood in the request. Raises TermsRejectedError."""
    terms = _decode(_verified(text, key))
    if terms.engine_id != engine_id:
        raise TermsRejectedError(Rejection.OTHER_ENGINE)
    if abs(now_ms - terms.issued_at_ms) > FRESH_MS_MAX:
        raise TermsRejectedError(Rejection.STALE)
    return terms


def _verified(text: object, key: bytes) -> bytes:
    try:
        return signed_text.verified(text, key=key)
    except MalformedTextError as error:
        raise TermsRejectedError(Rejection.MALFORMED) from error
    except ForgedTextError as error:
        raise TermsRejectedError(Rejection.FORGED) from error


def _decode(body: bytes) -> LeaseTerms:
    try:
        return msgspec.json.decode(body, type=LeaseTerms)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TermsRejectedError(Rejection.MALFORMED) from error
