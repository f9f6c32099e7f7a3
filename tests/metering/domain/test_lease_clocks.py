"""Clocks that differ and jump: what is charged of a lease is never more than was held,
nor more than was sold, by a clock on the wall that nobody can move.
"""

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from inference.domain.lease_receipt import ENDS, LeaseReceipt
from inference.domain.lease_table import LeaseTable
from inference.domain.lease_terms import FRESH_MS_MAX, GRACE_MS
from metering.domain.lease_intervals import lease_intervals
from tests.inference.lease_samples import NOW, names, table, terms

BLOCKS = list(range(9))


@dataclass
class World:
    """An engine with one lease. Its clock is steady, and wrong by `engine_ms`; the
    proxy's clock may jump.
    """

    engine_ms: int
    true_ms: int = NOW
    proxy_ms: int = 0
    leases: LeaseTable = field(default_factory=table)
    receipts: list[LeaseReceipt] = field(default_factory=list)
    sold: list[tuple[int, int]] = field(default_factory=list)
    """True times in which the tenant was promised the lease."""

    @property
    def engine_now(self) -> int:
        return self.true_ms + self.engine_ms

    def note(self, change):
        self.receipts += change.receipts

    def buy(self, ttl_ms):
        asked = terms(ttl_ms=ttl_ms, grace_ms=GRACE_MS)
        turn = self.leases.arrive(asked, now_ms=self.engine_now)
        hashes = names(BLOCKS)
        self.note(
            self.leases.commit(
                turn, blocks=BLOCKS, hashes=hashes, now_ms=self.engine_now
            )
        )
        self.sold.append((self.true_ms, self.true_ms + ttl_ms))
        return self.true_ms + self.proxy_ms + ttl_ms

    def do(self, act, amount):
        if act == "pass":
            self.true_ms += abs(amount)
        elif act == "jump":
            self.proxy_ms += amount
        self.note(self.leases.sweep(now_ms=self.engine_now))
        if act == "extend" and not self.is_over:
            lease = self.leases.find("kvl_1", tenant_id="a")
            self.note(
                self.leases.extend(lease, ttl_ms=abs(amount), now_ms=self.engine_now)
            )
            self.sold.append((self.true_ms, self.true_ms + abs(amount)))

    def end(self):
        if not self.is_over:
            lease = self.leases.find("kvl_1", tenant_id="a")
            self.note(self.leases.release(lease, now_ms=self.engine_now))

    @property
    def is_over(self) -> bool:
        return any(one.fact in ENDS for one in self.receipts)

    @property
    def held_ms(self) -> int:
        """In truth."""
        return self.receipts[-1].at_ms - self.receipts[0].at_ms


@dataclass(frozen=True)
class Told:
    """A receipt as the books keep it."""

    sequence: int
    fact: str
    tier: str
    bytes: int
    at_ms: int
    until_ms: int
    host_until_ms: int
    reason: str | None
    is_inferred: bool = False


def charged(world, sold_until_ms):
    facts = [
        Told(
            sequence=one.sequence,
            fact=one.fact,
            tier=one.tier,
            bytes=one.bytes,
            at_ms=one.at_ms,
            until_ms=one.until_ms,
            host_until_ms=one.host_until_ms,
            reason=one.reason,
        )
        for one in world.receipts
    ]
    return lease_intervals(facts, sold_until_ms=sold_until_ms), facts


def union_ms(spans):
    total, reached = 0, 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, reached))
        reached = max(reached, end)
    return total


SKEW = st.integers(-FRESH_MS_MAX, FRESH_MS_MAX)
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["pass", "jump", "extend"]), st.integers(-100_000, 100_000)
    ),
    max_size=12,
)


@given(engine_ms=SKEW, proxy_ms=SKEW, ttl_ms=st.integers(1, 60_000), acts=ACTS)
def test_charged_is_at_most_what_was_held_and_what_was_sold(
    engine_ms, proxy_ms, ttl_ms, acts
):
    world = World(engine_ms=engine_ms, proxy_ms=proxy_ms)
    sold_until_ms = world.buy(ttl_ms)
    for act, amount in acts:
        world.do(act, amount)
    world.end()

    found, _ = charged(world, sold_until_ms)
    total = sum(one.ended_ms - one.started_ms for one in found)
    assert 0 <= total <= world.held_ms
    assert total <= union_ms(world.sold)
    assert all(one.ended_ms > one.started_ms and one.mb_s >= 0 for one in found)


@given(ttl_ms=st.integers(1, 60_000), held_ms=st.integers(1, 60_000))
def test_with_one_clock_all_that_was_held_and_sold_is_charged(ttl_ms, held_ms):
    """So the bounds above are not met by charging nothing."""
    world = World(engine_ms=0)
    sold_until_ms = world.buy(ttl_ms)
    world.do("pass", held_ms)
    world.end()

    found, _ = charged(world, sold_until_ms)
    assert sum(one.ended_ms - one.started_ms for one in found) == min(ttl_ms, held_ms)


@given(engine_ms=SKEW, acts=ACTS, lost_ms=st.integers(0, 100_000))
def test_a_lost_lease_is_charged_to_when_its_engine_was_heard_of(
    engine_ms, acts, lost_ms
):
    """What the platform infers is by its own clock, and may lie before the grant; what
    the engine told of it still proves that it was held.
    """
    world = World(engine_ms=engine_ms)
    sold_until_ms = world.buy(30_000)
    for act, amount in acts:
        world.do(act, amount)
    if world.is_over:
        return
    _, facts = charged(world, sold_until_ms)
    at_ms = NOW - 50_000 + lost_ms
    last = replace(facts[-1], fact="lost", at_ms=at_ms, until_ms=at_ms)
    found = lease_intervals(
        [*facts, replace(last, is_inferred=True)], sold_until_ms=sold_until_ms
    )

    total = sum(one.ended_ms - one.started_ms for one in found)
    assert 0 <= total <= max(at_ms, facts[-1].at_ms) - facts[0].at_ms
