"""One lease as an engine keeps it, and what remains to be said of one that ended."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from inference.domain.block_hash import equal_blocks
from inference.domain.lease_terms import LeaseClass, LeaseTerms, PreviousLease, Tier


@dataclass(slots=True, kw_only=True)
class Lease:
    terms: LeaseTerms
    hashes: tuple[bytes, ...]
    """Of its blocks, from the beginning of the sequence."""
    blocks: tuple[int, ...]
    """Ids of the HBM blocks it holds; empty below HBM."""
    until_ms: int
    """End of its time in the tier where it lies."""
    tier: Tier
    held_blocks: int
    """How many of them lie in `tier`; below HBM it may be fewer."""
    base: "Lease | None" = None
    """Whose blocks it begins with: a lease that is paid for by itself."""
    base_blocks: int = 0
    read_by: "dict[str, Lease]" = field(default_factory=dict)
    """The leases whose base it is, by their ids."""
    floors: dict[Tier, int] = field(default_factory=dict)
    """The tiers below that keep its hashes, and until when."""
    proven_ms: int = 0
    """When the KV events last proved that its blocks lie in `tier`; 0: never."""
    turns: int = 0
    """Requests under way that continue or read it: they arrived in time, so it waits.
    """

    @property
    def tenant_id(self) -> str:
        return self.terms.tenant_id

    @property
    def is_guaranteed(self) -> bool:
        return self.terms.lease_class is LeaseClass.GUARANTEED

    @property
    def is_in_hbm(self) -> bool:
        return self.tier is Tier.HBM

    @property
    def host_until_ms(self) -> int:
        """0: it is not kept in host memory."""
        return self.floors.get(Tier.HOST, 0)

    @property
    def disk_until_ms(self) -> int:
        """0: it is not kept on disk."""
        return self.floors.get(Tier.DISK, 0)

    @property
    def paid_blocks(self) -> int:
        """In host memory the base lies too; in HBM only if it is held there itself."""
        if self.base is None or (self.is_in_hbm and not self.base.is_in_hbm):
            return self.held_blocks
        return max(0, self.held_blocks - self.base_blocks)

    @property
    def told_tier(self) -> Tier:
        """One that is for the disk alone counts as lying there from the beginning: that
        it waits above until it is copied is our matter.
        """
        is_for_disk = not self.terms.ttl_ms and not self.terms.host_ttl_ms
        is_on_its_way = is_for_disk and self.is_in_hbm and self.disk_until_ms
        return Tier.DISK if is_on_its_way else self.tier

    @property
    def last_hash(self) -> str:
        return self.hashes[self.held_blocks - 1].hex() if self.held_blocks else ""


@dataclass(frozen=True, slots=True)
class Tombstone:
    tenant_id: str
    hashes: tuple[bytes, ...]
    ended_at_ms: int


class Tombstones:
    """Hashes of leases that ended: they still tell where a late turn diverged, and
    that a lease id was used. Bounded by age and by size, the oldest go first.
    """

    KEPT_MS = 3_600_000
    HASHES_MAX = 1_000_000
    """About 100 MB at worst, were no hash shared with a block that is still cached."""
    LEASES_MAX = 100_000

    def __init__(self) -> None:
        self._ended: OrderedDict[str, Tombstone] = OrderedDict()
        self._hashes = 0

    def __contains__(self, lease_id: str) -> bool:
        return lease_id in self._ended

    def get(self, lease_id: str) -> Tombstone | None:
        return self._ended.get(lease_id)

    def add(self, lease: Lease, *, now_ms: int) -> None:
        kept = Tombstone(lease.tenant_id, lease.hashes, now_ms)
        self._ended[lease.terms.lease_id] = kept
        self._hashes += len(kept.hashes)
        self.forget_old(now_ms=now_ms)

    def forget_old(self, *, now_ms: int) -> None:
        while self._ended and self._must_go(next(iter(self._ended.values())), now_ms):
            _, gone = self._ended.popitem(last=False)
            self._hashes -= len(gone.hashes)

    def _must_go(self, oldest: Tombstone, now_ms: int) -> bool:
        return (
            oldest.ended_at_ms <= now_ms - self.KEPT_MS
            or self._hashes > self.HASHES_MAX
            or len(self._ended) > self.LEASES_MAX
        )


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a turn has in common with the lease that it continues, and with its base."""

    reusable_tokens: int | None
    diverged_at_token: int | None
    base_tokens: int | None = None


UNKNOWN = Continuation(None, None)


def compared(
    known: Sequence[bytes], turn: Sequence[bytes], *, block_tokens: int
) -> Continuation:
    """Of a lease whose hashes are `known` and the turn that continues it."""
    tokens = equal_blocks(known, turn) * block_tokens
    is_whole = tokens == len(known) * block_tokens
    return Continuation(tokens, None if is_whole else tokens)


def proven_by_hash(
    previous: PreviousLease, turn: Sequence[bytes], *, block_tokens: int
) -> Continuation:
    """For a lease that the engine knows no more: the signed last hash proves all of it
    or nothing, and then where the turn diverged is not known.
    """
    count = previous.tokens // block_tokens
    if 0 < count <= len(turn) and turn[count - 1].hex() == previous.last_hash:
        return Continuation(count * block_tokens, None)
    return UNKNOWN
