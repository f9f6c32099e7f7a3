"""Which KV blocks each lease of one engine holds, and who has to give some back.

Pure: blocks are numbers and time is an argument. Every act returns a `Change`, which
the engine carries out: pin first, then free, so that a block that is in both leases of
a conversation never is without an owner. The plugin in vLLM and the simulator share it.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from inference.domain.lease import (
    UNKNOWN,
    Continuation,
    Lease,
    Tombstones,
    compared,
    proven_by_hash,
)
from inference.domain.lease_caps import LeaseCaps
from inference.domain.lease_feed import LeaseFeed
from inference.domain.lease_holdings import Holdings
from inference.domain.lease_host import LowerHoldings, LowerTiers
from inference.domain.lease_queue import LeaseQueue
from inference.domain.lease_receipt import Fact, LeaseReceipt, Reason
from inference.domain.lease_sharing import (
    begin_reading,
    hand_on,
    move,
    stop_reading,
)
from inference.domain.lease_terms import (
    LeaseTerms,
    PreviousLease,
    Rejection,
    TermsRejectedError,
    Tier,
)

SWEPT_MAX = 100
"""Leases ended in one sweep: a step of the engine waits for it. The rest go next."""

HOST_COPY_MS = 2_000
"""A lease for tiers below alone is pinned in HBM until its blocks surely lie there."""


class UnknownLeaseError(LookupError):
    """There is no such lease, or it is another tenant's: nobody is told which."""


@dataclass(slots=True)
class Change:
    """What the engine has to do to its pool: `pin`, then `free` in the order given."""

    pin: list[int] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    receipts: list[LeaseReceipt] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Turn:
    """A request under way that asked for a lease."""

    terms: LeaseTerms
    continues: Lease | None
    reads: Lease | None


class LeaseTable:
    def __init__(
        self,
        *,
        caps: LeaseCaps,
        feed: LeaseFeed,
        host: LowerHoldings | None = None,
        disk: LowerHoldings | None = None,
    ) -> None:
        """Without them there is no such tier below HBM."""
        self.holdings = Holdings(caps)
        self._feed = feed
        self._lower = LowerTiers(host=host, disk=disk)
        self._leases: dict[str, Lease] = {}
        self._awaited: set[str] = set()
        self._tombstones = Tombstones()
        self._ends = LeaseQueue(lambda lease: (lease.until_ms,))
        self._cheapest = LeaseQueue(_price_of_loss)

    def __len__(self) -> int:
        return len(self._leases)

    def __iter__(self) -> Iterator[Lease]:
        return iter(self._leases.values())

    def find(self, lease_id: str, *, tenant_id: str) -> Lease:
        """Raises UnknownLeaseError."""
        lease = self._leases.get(lease_id)
        if lease is None or lease.tenant_id != tenant_id:
            raise UnknownLeaseError(lease_id)
        return lease

    def arrive(self, terms: LeaseTerms, *, now_ms: int) -> Turn:
        """From here on the lease that it continues does not run out: it is in time.

        Raises TermsRejectedError for a lease id used before and for a lease of another
        tenant. A turn that arrived has to be committed or abandoned.
        """
        if self._is_used(terms.lease_id):
            raise TermsRejectedError(Rejection.REPLAYED)
        continues = self._named(terms.previous, terms.tenant_id, now_ms=now_ms)
        reads = self._named(terms.base, terms.tenant_id, now_ms=now_ms)
        self._awaited.add(terms.lease_id)
        for lease in (continues, reads):
            if lease:
                lease.turns += 1
                self._queue(lease)
        return Turn(terms, continues, reads)

    def commit(
        self, turn: Turn, *, blocks: Sequence[int], hashes: Sequence[bytes], now_ms: int
    ) -> Change:
        """`blocks` are the leading full blocks of the turn in HBM; `hashes` name them
        and may go on. The lease that was continued ends, whatever becomes of this one.
        """
        self._leave(turn)
        previous = self._live(turn.continues)
        blocks = self._asked_for(turn.terms, blocks)
        fits, reason = self._fitting(turn.terms, blocks, previous)
        continuation = self._continuation(turn.terms, hashes)
        change = Change()
        if fits:
            lease = _new_lease(turn.terms, blocks[:fits], hashes, now_ms=now_ms)
            lease.base = self._live(turn.reads)
            lease.base_blocks = (
                continuation.base_tokens or 0
            ) // self._feed.block_tokens
            why = self._lower.keep(lease, leaving=previous, now_ms=now_ms)
            reason = why or reason
            if turn.terms.tier is Tier.DISK and not lease.floors:
                fits = 0  # it would be held above for a moment, and then lost
            else:
                change.pin = self._begin(lease)
        if previous:
            heir = lease if fits else None
            change.receipts += self._feed.of_shares(hand_on(previous, heir), now_ms)
            self._end(previous, Fact.REUSED, change, now_ms, continuation=continuation)
        if not fits:
            why = reason or Reason.NO_FULL_BLOCK
            return self._refuse(turn.terms, why, change, now_ms, continuation)
        granted = self._feed.of_lease(
            Fact.GRANTED,
            lease,
            at_ms=now_ms,
            reason=reason,
            continuation=continuation,
            previous_lease_id=_previous_id(turn.terms),
        )
        change.receipts.append(granted)
        return change

    def abandon(self, turn: Turn, *, reason: Reason, now_ms: int) -> Change:
        """The turn came to nothing: what it continued is kept to its own end."""
        self._leave(turn)
        return self._refuse(turn.terms, reason, Change(), now_ms, UNKNOWN)

    def extend(self, lease: Lease, *, ttl_ms: int, now_ms: int) -> Change:
        """Never shortens. By no time at all: another grace, for a turn on its way."""
        until_ms = now_ms + ttl_ms + lease.terms.grace_ms
        lease.until_ms = max(lease.until_ms, until_ms)
        lease.floors = {
            tier: max(end_ms, until_ms) for tier, end_ms in lease.floors.items()
        }
        self._queue(lease)
        reason = None if ttl_ms else Reason.TURN_WAITS
        renewed = self._feed.of_lease(Fact.RENEWED, lease, at_ms=now_ms, reason=reason)
        return Change(receipts=[renewed])

    def release(self, lease: Lease, *, now_ms: int) -> Change:
        change = Change()
        self._end(lease, Fact.RELEASED, change, now_ms)
        return change

    def sweep(self, *, now_ms: int) -> Change:
        """Ends what is overdue, or takes it down a tier."""
        change = Change()
        self._tombstones.forget_old(now_ms=now_ms)
        for _ in range(SWEPT_MAX):
            first = self._ends.first()
            if first is None or first.until_ms > now_ms:
                break
            self._put_out(first, Fact.EXPIRED, Reason.TIME, change, now_ms)
        return change

    def make_room(
        self, blocks_needed: int, *, now_ms: int, spared: Collection[int] = ()
    ) -> Change:
        """Frees at least so many blocks by ending elastic leases, the lowest value
        first; or, if all of them would not free so many, none but the overdue.
        `spared` are blocks whose freeing brings nothing.
        """
        change = self.sweep(now_ms=now_ms)
        missing = blocks_needed - len(change.free)
        if 0 < missing <= self.holdings.revocable_blocks(spared=spared):
            for lease in self._cheapest_for(missing, spared):
                self._put_out(lease, Fact.REVOKED, Reason.PRESSURE, change, now_ms)
        return change

    def prove(self, lease_id: str, *, now_ms: int) -> None:
        """If there is such a lease still."""
        if lease := self._leases.get(lease_id):
            lease.proven_ms = now_ms

    def disprove(self, lease_id: str, tier: Tier, *, now_ms: int) -> Change:
        """Ends it, if it lies in that tier still."""
        change, lease = Change(), self._leases.get(lease_id)
        if lease and lease.tier is tier:
            self._end(lease, Fact.LOST, change, now_ms, reason=Reason.NOT_VERIFIED)
        return change

    def lose_all(self, *, reason: Reason, now_ms: int) -> Change:
        change = Change()
        for lease in list(self._leases.values()):
            self._end(lease, Fact.LOST, change, now_ms, reason=reason)
        return change

    def _is_used(self, lease_id: str) -> bool:
        is_known = lease_id in self._leases or lease_id in self._tombstones
        return is_known or lease_id in self._awaited

    def _named(
        self, named: PreviousLease | None, tenant_id: str, *, now_ms: int
    ) -> Lease | None:
        """Raises TermsRejectedError."""
        if named is None:
            return None
        lease = self._leases.get(named.lease_id)
        known = lease or self._tombstones.get(named.lease_id)
        if known and known.tenant_id != tenant_id:
            raise TermsRejectedError(Rejection.FOREIGN_LEASE)
        # An overdue lease that another turn keeps is still there, and so in time.
        return lease if lease and (lease.turns or lease.until_ms > now_ms) else None

    def _leave(self, turn: Turn) -> None:
        self._awaited.discard(turn.terms.lease_id)
        for lease in (turn.continues, turn.reads):
            if lease:
                lease.turns -= 1
                if self._live(lease):
                    self._queue(lease)

    def _live(self, lease: Lease | None) -> Lease | None:
        is_live = lease and self._leases.get(lease.terms.lease_id) is lease
        return lease if is_live else None

    def _asked_for(self, terms: LeaseTerms, blocks: Sequence[int]) -> Sequence[int]:
        if terms.tokens_max is None:
            return blocks
        return blocks[: terms.tokens_max // self._feed.block_tokens]

    def _fitting(
        self, terms: LeaseTerms, blocks: Sequence[int], previous: Lease | None
    ) -> tuple[int, Reason | None]:
        """A first lease is for all its blocks or none; a later one may keep the
        beginning, so that growing never costs a conversation what it had.
        """
        if why := self._lower.why_not(terms):
            return 0, why
        fits, reason = self.holdings.fitting(terms, blocks, previous)
        is_whole = fits == len(blocks)
        return (fits if is_whole or previous else 0), reason

    def _continuation(self, terms: LeaseTerms, hashes: Sequence[bytes]) -> Continuation:
        base_tokens = self._compared(terms.base, hashes).reusable_tokens
        found = self._compared(terms.previous, hashes)
        return replace(found, base_tokens=base_tokens)

    def _compared(
        self, named: PreviousLease | None, hashes: Sequence[bytes]
    ) -> Continuation:
        if named is None:
            return UNKNOWN
        lease_id, size = named.lease_id, self._feed.block_tokens
        known = self._leases.get(lease_id) or self._tombstones.get(lease_id)
        if known is None:
            return proven_by_hash(named, hashes, block_tokens=size)
        return compared(known.hashes, hashes, block_tokens=size)

    def _refuse(
        self,
        terms: LeaseTerms,
        reason: Reason,
        change: Change,
        now_ms: int,
        continuation: Continuation,
    ) -> Change:
        refused = self._feed.of_refusal(
            terms, reason=reason, at_ms=now_ms, continuation=continuation
        )
        change.receipts.append(refused)
        return change

    def _begin(self, lease: Lease) -> list[int]:
        self._leases[lease.terms.lease_id] = lease
        begin_reading(lease)
        self._queue(lease)
        return self.holdings.hold(lease)

    def _queue(self, lease: Lease) -> None:
        """A lease that a turn continues waits for it, so it has no end for now."""
        if lease.turns:
            self._ends.discard(lease)
        else:
            self._ends.put(lease)
        if lease.is_in_hbm and not lease.is_guaranteed:
            self._cheapest.put(lease)

    def _end(
        self,
        lease: Lease,
        fact: Fact,
        change: Change,
        now_ms: int,
        *,
        reason: Reason | None = None,
        continuation: Continuation = UNKNOWN,
    ) -> None:
        stop_reading(lease)
        change.receipts += self._feed.of_shares(hand_on(lease, None), now_ms)
        ended = self._feed.of_lease(
            fact, lease, at_ms=now_ms, reason=reason, continuation=continuation
        )
        change.receipts.append(ended)
        self._free(lease, change)
        self._lower.drop(lease)
        self._ends.discard(lease)
        del self._leases[lease.terms.lease_id]
        self._tombstones.add(lease, now_ms=now_ms)

    def _free(self, lease: Lease, change: Change) -> None:
        if lease.is_in_hbm:
            change.free += self.holdings.drop(lease)
        self._cheapest.discard(lease)
        lease.blocks = ()

    def _put_out(
        self, lease: Lease, fact: Fact, reason: Reason, change: Change, now_ms: int
    ) -> None:
        """Out of its tier: to the next one below in which it lies and has time."""
        found = self._lower.next_below(lease, now_ms=now_ms)
        if found is None:
            self._end(lease, fact, change, now_ms, reason=reason)
            return
        self._free(lease, change)
        tier, blocks = found
        others = move(lease, tier, blocks=blocks)
        change.receipts += self._feed.of_shares(others, now_ms)
        self._lower.drop_above(lease, lease.tier)
        lease.until_ms = lease.floors[lease.tier]
        self._queue(lease)
        demoted = self._feed.of_lease(Fact.DEMOTED, lease, at_ms=now_ms, reason=reason)
        change.receipts.append(demoted)

    def _cheapest_for(self, blocks: int, spared: Collection[int]) -> list[Lease]:
        seen: list[Lease] = []

        def in_order() -> Iterator[Lease]:
            while lease := self._cheapest.pop():
                seen.append(lease)
                yield lease

        chosen = self.holdings.fewest_for(in_order(), blocks, spared=spared)
        for lease in seen:
            self._cheapest.put(lease)
        return chosen


def _price_of_loss(lease: Lease) -> tuple[int, ...]:
    """Lowest first. Blocks that a turn under way uses would not become free anyway."""
    return (lease.turns > 0, lease.terms.value, lease.until_ms)


def _previous_id(terms: LeaseTerms) -> str | None:
    return terms.previous.lease_id if terms.previous else None


def _new_lease(
    terms: LeaseTerms, blocks: Sequence[int], hashes: Sequence[bytes], *, now_ms: int
) -> Lease:
    ttl_ms = terms.ttl_ms or HOST_COPY_MS
    return Lease(
        terms=terms,
        hashes=tuple(hashes[: len(blocks)]),
        blocks=tuple(blocks),
        until_ms=now_ms + ttl_ms + terms.grace_ms,
        tier=Tier.HBM,
        held_blocks=len(blocks),
    )
