"""Leases as tests write them: one table of 100 blocks of 32 tokens."""

from typing import Any

from inference.domain.lease_caps import LeaseCaps
from inference.domain.lease_feed import LeaseFeed
from inference.domain.lease_host import LowerHoldings
from inference.domain.lease_table import LeaseTable
from inference.domain.lease_terms import LeaseTerms, PreviousLease, Tier

NOW = 1_800_000_000_000
SIZE = 32
CAPS = LeaseCaps(all_leases=50, guaranteed=20, per_tenant=30)


def terms(lease_id="kvl_1", **given: Any):
    fields: dict[str, Any] = {
        "tenant_id": "a",
        "engine_id": "e",
        "ttl_ms": 15_000,
        "grace_ms": 0,
        "value": 1,
        "issued_at_ms": NOW,
    } | given
    return LeaseTerms(lease_id=lease_id, **fields)


class Memory:
    """Host memory of an engine in which what is copied lies at once."""

    def __init__(self, *, blocks=100):
        self.blocks = blocks
        self.kept = set()
        self.lost = set()

    def keep(self, hashes):
        assert not self.kept & set(hashes)
        self.kept |= set(hashes)

    def let_go(self, hashes):
        assert self.kept >= set(hashes)
        self.kept -= set(hashes)

    def leading(self, hashes):
        there = [name in self.kept - self.lost for name in hashes]
        return [*there, False].index(False)

    def names(self):
        return sorted(self.kept - self.lost)


def table(*, caps=CAPS, memory=None, disk=None):
    host = memory and LowerHoldings(memory, tenant_percent=50)
    feed = LeaseFeed(engine_id="e", epoch="1", block_tokens=SIZE, block_bytes=1000)
    below = disk and LowerHoldings(disk, tenant_percent=50, tier=Tier.DISK)
    return LeaseTable(caps=caps, feed=feed, host=host, disk=below)


def names(blocks, *, of="x"):
    """Hashes by which blocks of one conversation are known."""
    return tuple(f"{of}{block}".encode().ljust(32, b".") for block in blocks)


def continuing(lease_id, blocks, *, of="x"):
    last = names(blocks, of=of)[-1].hex()
    return PreviousLease(lease_id=lease_id, tokens=len(blocks) * SIZE, last_hash=last)


def run(leases, asked, blocks, *, at=NOW, of="x"):
    """A turn from its arrival to its end, at once."""
    turn = leases.arrive(asked, now_ms=at)
    return leases.commit(turn, blocks=blocks, hashes=names(blocks, of=of), now_ms=at)


def facts(change):
    return [(str(one.fact), one.lease_id) for one in change.receipts]
