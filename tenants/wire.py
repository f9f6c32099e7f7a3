"""What the control plane tells the data plane of its tenants' keys."""

from typing import Literal

import msgspec

SNAPSHOT_KIND = "key_policies"


class KeyPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What the proxy must know of one API key; found by `digest`."""

    api_key_id: int
    tenant_id: int
    project_id: int
    digest: str
    """SHA-256 of the whole secret, hexadecimal."""
    state: Literal["active", "revoked"]
    """Keys revoked within the last 30 days stay, so that the caller is told so."""
    expires_at: float | None
    """Seconds since the epoch; None: never."""
    allowed_models: tuple[str, ...] | None
    """Public model names; None: all."""
    requests_per_minute: int | None
    tokens_per_minute: int | None
    cache_salt: str
    """The tenant's secret in the first KV block hash; the same for all its keys."""
