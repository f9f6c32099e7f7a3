"""No sequence of acts breaks what a lease table promises, whatever the order."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from inference.domain.lease_caps import LeaseCaps
from inference.domain.lease_receipt import Fact, Reason
from inference.domain.lease_table import UnknownLeaseError
from inference.domain.lease_terms import LeaseClass, TermsRejectedError
from tests.inference.lease_samples import NOW, names, table, terms
from tests.inference.lease_samples import continuing as previous_of

CAPS = LeaseCaps(all_leases=12, guaranteed=5, per_tenant=8)
ENDS = {Fact.REUSED, Fact.EXPIRED, Fact.RELEASED, Fact.REVOKED, Fact.LOST}
TENANTS = ("a", "b")


class LeaseMachine(RuleBasedStateMachine):
    """Beside the table a plain model: what is pinned, and which leases receipts say
    are held, with their blocks.
    """

    def __init__(self):
        super().__init__()
        self.leases = table(caps=CAPS)
        self.now = NOW
        self.pinned: set[int] = set()
        self.held: dict[str, tuple[int, ...]] = {}
        self.owner: dict[str, str] = {}
        self.turns = []
        self.made = 0
        self.sequence = 0

    def carry_out(self, change, blocks=()):
        """As an engine does: each block pinned once, freed once, in this order."""
        assert len(set(change.pin)) == len(change.pin)
        assert not self.pinned & set(change.pin)
        self.pinned |= set(change.pin)
        assert len(set(change.free)) == len(change.free)
        assert self.pinned >= set(change.free)
        self.pinned -= set(change.free)
        for receipt in change.receipts:
            self.sequence += 1
            assert receipt.sequence == self.sequence
            if receipt.fact == Fact.GRANTED:
                self.held[receipt.lease_id] = tuple(blocks[: receipt.blocks])
                assert 0 <= receipt.bytes <= 1000 * receipt.blocks
            elif receipt.fact in ENDS:
                del self.held[receipt.lease_id]

    @rule(
        tenant=st.sampled_from(TENANTS),
        # Chained blocks: equal numbers are equal prefixes, as a salt keeps them apart.
        conversation=st.integers(0, 2),
        lease_class=st.sampled_from(LeaseClass),
        value=st.integers(0, 3),
        ttl_ms=st.integers(0, 20),
        continued=st.integers(0, 9),
        read=st.none() | st.integers(0, 9),
    )
    def arrive(
        self, *, tenant, conversation, lease_class, value, ttl_ms, continued, read
    ):
        self.made += 1
        lease_id = f"kvl_{self.made}"
        self.owner[lease_id] = tenant
        known = f"kvl_{self.made - 1 - continued}"
        previous = previous_of(known, [1]) if known in self.owner else None
        base_id = "" if read is None else f"kvl_{self.made - 1 - read}"
        base = previous_of(base_id, [1]) if base_id in self.owner else None
        asked = terms(
            lease_id,
            tenant_id=tenant,
            lease_class=lease_class,
            value=value,
            ttl_ms=ttl_ms,
            previous=previous,
            base=base,
        )
        try:
            turn = self.leases.arrive(asked, now_ms=self.now)
        except TermsRejectedError:
            named = {known, base_id} & self.owner.keys()
            assert any(self.owner[one] != tenant for one in named)
            return
        self.turns.append((turn, conversation))

    @precondition(lambda self: self.turns)
    @rule(place=st.integers(0, 9), length=st.integers(0, 9), is_whole=st.booleans())
    def finish(self, place, length, is_whole):
        turn, conversation = self.turns.pop(place % len(self.turns))
        first = 10 * (conversation + 3 * TENANTS.index(turn.terms.tenant_id))
        blocks = list(range(first, first + length))
        if is_whole:
            change = self.leases.commit(
                turn, blocks=blocks, hashes=names(blocks), now_ms=self.now
            )
        else:
            change = self.leases.abandon(
                turn, reason=Reason.TURN_ABORTED, now_ms=self.now
            )
        assert change.receipts[-1].lease_id == turn.terms.lease_id
        self.carry_out(change, blocks)

    @rule(passed=st.integers(0, 15))
    def sweep(self, passed):
        self.now += passed
        self.carry_out(self.leases.sweep(now_ms=self.now))

    @rule(blocks=st.integers(0, 12))
    def make_room(self, blocks):
        before = {lease.terms.lease_id: lease for lease in self.leases}
        change = self.leases.make_room(blocks, now_ms=self.now)
        assert not change.free or len(change.free) >= blocks
        revoked = [before[receipt.lease_id] for receipt in change.receipts]
        assert not any(lease.is_guaranteed for lease in revoked)
        self.carry_out(change)

    @rule(
        number=st.integers(1, 30),
        tenant=st.sampled_from(TENANTS),
        is_longer=st.booleans(),
    )
    def extend_or_release(self, number, tenant, is_longer):
        try:
            lease = self.leases.find(f"kvl_{number}", tenant_id=tenant)
        except UnknownLeaseError:
            is_theirs = self.owner.get(f"kvl_{number}") == tenant
            assert not (is_theirs and f"kvl_{number}" in self.held)
            return
        before = lease.until_ms
        if is_longer:
            self.carry_out(self.leases.extend(lease, ttl_ms=10, now_ms=self.now))
            assert lease.until_ms >= before
        else:
            self.carry_out(self.leases.release(lease, now_ms=self.now))

    @invariant()
    def exactly_the_leased_blocks_are_pinned(self):
        owners = Counter(block for blocks in self.held.values() for block in blocks)
        assert self.pinned == set(owners)
        assert self.leases.holdings.held_blocks == len(owners)

    @invariant()
    def every_cap_holds(self):
        assert len(self.pinned) <= CAPS.all_leases
        assert self.leases.holdings.guaranteed_blocks <= CAPS.guaranteed
        for tenant in TENANTS:
            theirs = {
                block
                for lease_id, blocks in self.held.items()
                if self.owner[lease_id] == tenant
                for block in blocks
            }
            assert len(theirs) <= CAPS.per_tenant
            assert self.leases.holdings.tenant_blocks(tenant) == len(theirs)

    @invariant()
    def receipts_and_table_agree(self):
        assert {lease.terms.lease_id for lease in self.leases} == set(self.held)

    @invariant()
    def no_lease_outlives_its_time_but_for_a_turn(self):
        change = self.leases.sweep(now_ms=self.now)
        self.carry_out(change)
        for lease in self.leases:
            assert lease.until_ms > self.now or lease.turns

    def teardown(self):
        self.carry_out(self.leases.lose_all(reason=Reason.CACHE_RESET, now_ms=self.now))
        assert self.pinned == set()
        assert self.held == {}


LeaseMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None
)
TestLeases = LeaseMachine.TestCase
