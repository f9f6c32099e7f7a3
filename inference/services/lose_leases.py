"""End what an engine can say nothing more about."""

from collections.abc import Iterable

from inference.domain.lease_receipt import Fact
from inference.lease_models import Lease, LeaseCursor, LeaseReceipt
from inference.services.follow_leases import follow_leases

ENGINE_BEGAN_ANEW = "engine_began_anew"


def lose_leases(cursor: LeaseCursor, *, now_ms: int) -> int:
    """All leases that the cursor's epoch still holds, and how many they were: another
    one has begun.

    They count as lost when the engine was last heard of, the earliest time that it can
    have been; the caller holds the cursor's lock.
    """
    held = Lease.objects.held().filter(engine_id=cursor.engine_id, epoch=cursor.epoch)
    return infer(
        held,
        fact=Fact.LOST,
        at_ms=min(cursor.proven_ms, now_ms),
        sequence=cursor.sequence,
        reason=ENGINE_BEGAN_ANEW,
    )


def infer(
    leases: Iterable[Lease], *, fact: Fact, at_ms: int, sequence: int, reason: str
) -> int:
    """Writes down a fact that no engine said, of each of `leases`."""
    rows = [
        LeaseReceipt(
            engine_id=lease.engine_id,
            epoch=lease.epoch,
            sequence=sequence,
            is_inferred=True,
            fact=fact.value,
            lease_id=lease.lease_id.hex,
            tenant_id=lease.tenant_id,
            tier=lease.tier,
            tokens=lease.tokens,
            bytes=lease.bytes,
            at_ms=at_ms,
            until_ms=at_ms,
            reason=reason,
        )
        for lease in leases
    ]
    LeaseReceipt.objects.bulk_create(rows, ignore_conflicts=True)
    follow_leases(rows)
    return len(rows)
