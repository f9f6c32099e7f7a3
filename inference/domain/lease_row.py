"""A sold lease as proxies find it in Valkey; and the portal, when it ends one."""

import enum

import msgspec

from inference.domain.lease_terms import Tier

KEPT_AFTER_MS = 3_600_000
"""After its end: as long as an engine can tell where a late turn diverged."""


class LeaseStatus(enum.StrEnum):
    """What the platform knows; a live lease past its time has expired."""

    LIVE = "live"
    REUSED = "reused"
    RELEASED = "released"
    LOST = "lost"


OWED = frozenset({LeaseStatus.LIVE, LeaseStatus.LOST})
"""Nothing has ended the promise but, at most, its time."""


class LeaseRow(msgspec.Struct, frozen=True, kw_only=True):
    lease_id: str
    tenant_id: int
    project_id: int
    model: str
    engine_id: int
    epoch: str
    """Of the engine: in another one nothing of it is left."""
    tokens: int
    bytes: int
    last_hash: str
    tier: Tier
    granted_at_ms: int
    expires_at_ms: int
    """Milliseconds since the epoch, by the proxy's clock: until when it was sold."""
    status: LeaseStatus = LeaseStatus.LIVE
    ended_at_ms: int = 0

    def is_live(self, at_ms: int) -> bool:
        return self.status is LeaseStatus.LIVE and at_ms <= self.expires_at_ms

    def is_promised(self, at_ms: int) -> bool:
        """A turn that arrives then pays for its new tokens only, though the engine may
        have lost it: whoever asked what became of it must not be worse off.
        """
        return self.status in OWED and at_ms <= self.expires_at_ms

    def ended(self, status: LeaseStatus, *, at_ms: int) -> "LeaseRow":
        return msgspec.structs.replace(self, status=status, ended_at_ms=at_ms)


def valkey_key(tenant_id: int, lease_id: str) -> str:
    return f"tokenfab:lease:{{{tenant_id}}}:{lease_id}"
