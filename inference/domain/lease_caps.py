"""How many KV blocks leases may hold. The engine is the last judge of it, even if the
books of the control plane are wrong.
"""

from dataclasses import dataclass

LEASES_PERCENT = 50
GUARANTEED_PERCENT = 20


@dataclass(frozen=True, kw_only=True)
class LeaseCaps:
    """In blocks of one engine's HBM."""

    all_leases: int
    guaranteed: int
    per_tenant: int


def caps_of(pool_blocks: int, *, running_blocks: int, tenant_percent: int) -> LeaseCaps:
    """`running_blocks` are never sold: what the longest request needs to run at all.
    `tenant_percent` is one tenant's share of what leases may hold together.
    """
    unsold = max(0, pool_blocks - running_blocks)
    all_leases = min(pool_blocks * LEASES_PERCENT // 100, unsold)
    return LeaseCaps(
        all_leases=all_leases,
        guaranteed=min(pool_blocks * GUARANTEED_PERCENT // 100, all_leases),
        per_tenant=all_leases * tenant_percent // 100,
    )
