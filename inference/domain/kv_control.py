"""What is asked of an engine to verify its leases: what they claim to hold, what its
pool of blocks told, and the verdict.

Between the parts of one engine; `lease_control.py` answers.
"""

from collections.abc import Iterable
from itertools import islice

import msgspec

from inference.domain.kv_feed import HASHES_TOLD_MAX, KvEvent, KvFeed
from inference.domain.lease import Lease
from inference.domain.lease_keeper import LeaseKeeper
from inference.domain.lease_terms import Count, Id, Tier

NO_EVENTS = KvFeed(hashes_max=0)


class KvEvents(msgspec.Struct, frozen=True, kw_only=True):
    epoch: str
    last_sequence: int
    events: list[KvEvent]


class KvBlocks(msgspec.Struct, frozen=True, kw_only=True):
    """What lies in each tier by the pool's own word, to begin anew from after a gap."""

    epoch: str
    last_sequence: int
    """As of this event."""
    names: dict[Tier, list[bytes]]
    """One that lies there twice is named twice."""


class LeaseClaim(msgspec.Struct, frozen=True, kw_only=True):
    lease_id: str
    tier: Tier
    names: tuple[bytes, ...]
    """Of the blocks that it says it holds there."""


class LeaseClaims(msgspec.Struct, frozen=True, kw_only=True):
    epoch: str
    kv_sequence: int
    """The events up to this one have to prove them."""
    claims: list[LeaseClaim]
    is_last: bool


class KvEventsAfter(msgspec.Struct, frozen=True, kw_only=True):
    sequence: Count = 0


class ClaimsAfter(msgspec.Struct, frozen=True, kw_only=True):
    skip: Count = 0
    """Leases that were told before."""


class ClaimOf(msgspec.Struct, frozen=True, kw_only=True):
    lease_id: Id
    tenant_id: Id


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    proven: list[str] = []
    disproved: list[tuple[str, Tier]] = []
    """With the tier that it was found wanting in: it may have left it meanwhile."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    lost: int
    """Leases that ended by it."""


def kv_events(keeper: LeaseKeeper, asked: KvEventsAfter) -> KvEvents:
    """At once, with none if there is nothing new."""
    feed = keeper.kv or NO_EVENTS
    return KvEvents(
        epoch=keeper.facts.epoch,
        last_sequence=feed.last_sequence,
        events=feed.after(asked.sequence, hashes_max=HASHES_TOLD_MAX),
    )


def kv_blocks(keeper: LeaseKeeper) -> KvBlocks:
    feed = keeper.kv or NO_EVENTS
    return KvBlocks(
        epoch=keeper.facts.epoch,
        last_sequence=feed.last_sequence,
        names=keeper.stored_names(),
    )


def claims(keeper: LeaseKeeper, asked: ClaimsAfter) -> LeaseClaims:
    """Some, so that no step of the engine waits long; none from an engine whose pool
    tells nothing.
    """
    told: list[LeaseClaim] = []
    if keeper.kv is None:
        return _claims(keeper, told, is_last=True)
    room = HASHES_TOLD_MAX
    for lease in islice(keeper.table, asked.skip, None):
        if room <= 0:
            return _claims(keeper, told, is_last=False)
        told.append(_claim(lease))
        room -= lease.held_blocks + 1
    return _claims(keeper, told, is_last=True)


def claim(keeper: LeaseKeeper, asked: ClaimOf) -> LeaseClaims:
    """Raises UnknownLeaseError."""
    lease = keeper.table.find(asked.lease_id, tenant_id=asked.tenant_id)
    told = [_claim(lease)] if keeper.kv else []
    return _claims(keeper, told, is_last=True)


def judge(keeper: LeaseKeeper, asked: Judgement) -> Judged:
    keeper.prove(asked.proven)
    return Judged(lost=keeper.disprove(asked.disproved))


def _claims(
    keeper: LeaseKeeper, told: Iterable[LeaseClaim], *, is_last: bool
) -> LeaseClaims:
    return LeaseClaims(
        epoch=keeper.facts.epoch,
        kv_sequence=keeper.kv.last_sequence if keeper.kv else 0,
        claims=list(told),
        is_last=is_last,
    )


def _claim(lease: Lease) -> LeaseClaim:
    return LeaseClaim(
        lease_id=lease.terms.lease_id,
        tier=lease.tier,
        names=lease.hashes[: lease.held_blocks],
    )
