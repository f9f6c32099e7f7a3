"""Lease receipts: numbered facts of what one engine holds and held.

The proxy, the lease collector and the books read nothing else. Numbers rise by one
within an epoch, so a gap shows; an epoch is one life of the engine's core process, and
whatever an earlier one held is lost.
"""

import enum
from typing import Any

import msgspec

from inference.domain.lease_terms import LeaseClass, Tier


class Fact(enum.StrEnum):
    GRANTED = "granted"
    REFUSED = "refused"
    RENEWED = "renewed"
    """Its end was moved, by `extend`."""
    DEMOTED = "demoted"
    REUSED = "reused"
    """The next turn took its place."""
    EXPIRED = "expired"
    RELEASED = "released"
    REVOKED = "revoked"
    LOST = "lost"


ENDS = frozenset({Fact.REUSED, Fact.EXPIRED, Fact.RELEASED, Fact.REVOKED, Fact.LOST})
"""After one of these there is no lease any more."""


class Reason(enum.StrEnum):
    """Why less than asked for was granted, or why a lease ended."""

    LEASES_CAP = "leases_cap"
    GUARANTEED_CAP = "guaranteed_cap"
    TENANT_CAP = "tenant_cap"
    NO_FULL_BLOCK = "no_full_block"
    NO_HOST_TIER = "no_host_tier"
    NO_DISK_TIER = "no_disk_tier"
    HOST_CAP = "host_cap"
    """Granted, but not kept in host memory."""
    DISK_CAP = "disk_cap"
    """Granted, but not kept on disk."""
    UNSUPPORTED_MODEL = "unsupported_model"
    TURN_ABORTED = "turn_aborted"
    NOT_ASKED = "not_asked"
    """The turn only continued a lease."""
    BASE_ENDED = "base_ended"
    """What it began with is paid for by nobody else any longer, so its bytes grew."""
    TURN_WAITS = "turn_waits"
    """Of `renewed`: kept for a turn that came in time; nothing more was sold."""
    PRESSURE = "pressure"
    TIME = "time"
    CACHE_RESET = "cache_reset"
    NOT_VERIFIED = "not_verified"
    """It was held in name only: the KV events tell that blocks of it are gone."""


class LeaseReceipt(msgspec.Struct, frozen=True, kw_only=True):
    sequence: int
    """From 1 in each epoch."""
    epoch: str
    engine_id: str
    fact: Fact
    lease_id: str
    tenant_id: str
    lease_class: LeaseClass
    tier: Tier
    """Where it lies after this fact, or lay before its end."""
    blocks: int
    tokens: int
    bytes: int
    """Of one copy; shared blocks are counted in each lease, but for those of the base
    that it was granted on."""
    last_hash: str
    """Hex, of the last block held; empty: none is."""
    until_ms: int
    """When its time in this tier ends, grace included; of an end: its own time."""
    host_until_ms: int
    """When host memory lets go of it, grace included; 0: it is not kept there."""
    disk_until_ms: int = 0
    """When the disk lets go of it, grace included; 0: it is not kept there."""
    reason: Reason | None = None
    previous_lease_id: str | None = None
    """Of `granted` and `refused`: which lease the turn said it continues."""
    reusable_tokens: int | None = None
    """How many tokens of the continued lease the turn began with; null: not known."""
    diverged_at_token: int | None = None
    """Start of the first block that differs; null: none does, or not known."""
    base_tokens: int | None = None
    """How many tokens of the base the turn began with; null: not known."""
    at_ms: int
    """The engine's clock, milliseconds since 1970; evidence, never billing time."""


_OURS = frozenset({"last_hash", "tenant_id", "engine_id"})


def public_form(receipt: LeaseReceipt) -> dict[str, Any]:
    """What callers may read: the bytes of an answer are relayed to them unchanged."""
    form: dict[str, Any] = msgspec.to_builtins(receipt)
    return {name: form[name] for name in form if name not in _OURS}
