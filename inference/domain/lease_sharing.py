"""Blocks that several leases of a tenant begin with, and who pays for them.

A lease that was granted on another, its base, pays for what lies beyond it, as long as
the base is held: nobody holds a block that nobody pays for.
"""

from collections.abc import Iterable

from inference.domain.block_hash import equal_blocks
from inference.domain.lease import Lease
from inference.domain.lease_terms import Tier


def begin_reading(lease: Lease) -> None:
    if lease.base:
        lease.base.read_by[lease.terms.lease_id] = lease


def stop_reading(lease: Lease) -> None:
    if lease.base:
        lease.base.read_by.pop(lease.terms.lease_id, None)


def hand_on(lease: Lease, heir: Lease | None) -> list[Lease]:
    """Those that began with its blocks begin with its heir's from now on; without one
    they are alone with what they hold. Returns those that pay for another part than
    before.
    """
    if heir and heir.base is lease:  # which was not told yet
        stop_reading(heir)
        heir.base = None
    readers, before = _readers(lease)
    lease.read_by = {}
    for one in readers:
        shared = equal_blocks(heir.hashes, one.hashes) if heir else 0
        one.base = heir if shared else None
        one.base_blocks = min(one.base_blocks, shared)
        begin_reading(one)
    return _changed(readers, before)


def move(lease: Lease, tier: Tier, *, blocks: int) -> list[Lease]:
    """Down, with so many of its blocks. Returns as `hand_on` does."""
    readers, before = _readers(lease)
    lease.tier, lease.held_blocks, lease.proven_ms = tier, blocks, 0
    return _changed(readers, before)


def _readers(lease: Lease) -> tuple[list[Lease], list[int]]:
    readers = list(lease.read_by.values())
    return readers, [one.paid_blocks for one in readers]


def _changed(readers: list[Lease], before: Iterable[int]) -> list[Lease]:
    pairs = zip(readers, before, strict=True)
    return [one for one, paid in pairs if one.paid_blocks != paid]
