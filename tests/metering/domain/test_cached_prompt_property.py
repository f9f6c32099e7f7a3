"""No story of a cached prompt is billed below what it cost, nor above what was sold.

The engine's own lease table tells the story; beside it a plain witness adds up what lay
there, millisecond by millisecond.
"""

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from billing.domain.money import amount_nanos
from inference.domain.lease import Lease
from inference.domain.lease_caps import LeaseCaps
from inference.domain.lease_feed import LeaseFeed
from inference.domain.lease_host import LowerHoldings
from inference.domain.lease_receipt import LeaseReceipt, Reason
from inference.domain.lease_table import LeaseTable
from inference.domain.lease_terms import GRACE_MS, LeaseClass, Tier
from metering.domain.lease_intervals import Interval, lease_intervals
from metering.domain.leased import BYTE_MS_PER_MB_S, split_input
from tests.inference.lease_samples import Memory, continuing, names, terms

SIZE, BLOCK_BYTES, BLOCKS = 32, 1_474_560, 7
TOKENS = BLOCKS * SIZE + 5
"""Of the prompt: its last tokens are in no whole block."""
INPUT_RATE, HBM_RATE = 100_000_000, 13_500_000
TENANT = "a"


@dataclass(frozen=True)
class Fact:
    """A row of the collector's books."""

    sequence: int
    fact: str
    tier: str
    bytes: int
    at_ms: int
    until_ms: int
    host_until_ms: int
    reason: str | None
    is_inferred: bool = False


def _fact(told: LeaseReceipt) -> Fact:
    names = [one for one in Fact.__dataclass_fields__ if one != "is_inferred"]
    return Fact(**{name: getattr(told, name) for name in names})


def _lease_table() -> LeaseTable:
    feed = LeaseFeed(
        engine_id="e", epoch="1", block_tokens=SIZE, block_bytes=BLOCK_BYTES
    )
    caps = LeaseCaps(all_leases=20, guaranteed=10, per_tenant=20)
    host = LowerHoldings(Memory(blocks=50), tenant_percent=100)
    return LeaseTable(caps=caps, feed=feed, host=host)


@dataclass
class Story:
    """One prompt of one tenant: its chain of leases, and calls that begin with it."""

    lease_class: LeaseClass
    host_ttl_ms: int
    """0: in HBM alone."""
    now: int = 1_000_000
    table: LeaseTable = field(default_factory=_lease_table)
    facts: dict[str, list[Fact]] = field(default_factory=dict)
    sold: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Of each lease: the times [from, until) that the tenant bought."""
    held_byte_ms: int = 0
    """Of what was held and bought."""
    billed_input_tokens: int = 0
    current: str = ""
    alone: dict[str, bool] = field(default_factory=dict)
    """Of each conversation leased on the prompt: whether it has outlived the chain."""

    def note(self, change) -> None:
        for receipt in change.receipts:
            self.facts.setdefault(receipt.lease_id, []).append(_fact(receipt))

    def live(self) -> Lease | None:
        return next(
            (one for one in self.table if one.terms.lease_id == self.current), None
        )

    def wait(self, milliseconds: int) -> None:
        """An idle engine ends a lease late; that the keeper asks each second ends it on
        time is not counted on here.
        """
        until = self.now + milliseconds
        for lease in self.table:
            is_shared = not self.alone.get(lease.terms.lease_id, True)
            size = (lease.held_blocks - is_shared * BLOCKS) * BLOCK_BYTES
            for start, end in self.sold[lease.terms.lease_id]:
                self.held_byte_ms += size * max(
                    0, min(until, end) - max(self.now, start)
                )
        self.now = until

    def warm(self, ttl_ms: int, *, is_creation: bool) -> None:
        """Creation, renewal or warming again: one call with the prompt alone."""
        lease_id = f"kvl_{len(self.sold)}"
        # What a lost chain ended with proves the content, and consumes nothing.
        previous = continuing(self.current, range(BLOCKS)) if self.current else None
        asked = terms(
            lease_id,
            tenant_id=TENANT,
            lease_class=self.lease_class,
            tier=Tier.AUTO if self.host_ttl_ms else Tier.HBM,
            ttl_ms=ttl_ms,
            host_ttl_ms=ttl_ms if self.host_ttl_ms else 0,
            grace_ms=GRACE_MS,
            previous=previous,
        )
        self.sold[lease_id] = [(self.now, self.now + ttl_ms)]
        turn = self.table.arrive(asked, now_ms=self.now)
        blocks, hashes = range(BLOCKS), names(range(BLOCKS))
        self.note(
            self.table.commit(turn, blocks=blocks, hashes=hashes, now_ms=self.now)
        )
        self.current = lease_id
        leased = 0 if is_creation else TOKENS
        self.pay_input(TOKENS, leased=leased, cached=0)

    def talk(self, ttl_ms: int) -> None:
        """A conversation that begins with the prompt, leased beyond it."""
        prompt, lease_id = self.live(), f"talk_{len(self.sold)}"
        base = continuing(self.current, range(BLOCKS)) if prompt else None
        asked = terms(
            lease_id, tenant_id=TENANT, ttl_ms=ttl_ms, grace_ms=GRACE_MS, base=base
        )
        blocks = range(BLOCKS + 2)
        turn = self.table.arrive(asked, now_ms=self.now)
        self.alone[lease_id] = turn.reads is None
        self.sold[lease_id] = [(self.now, self.now + ttl_ms)]
        self.note(
            self.table.commit(
                turn, blocks=blocks, hashes=names(blocks), now_ms=self.now
            )
        )

    def look(self) -> None:
        """Once the chain is broken, nobody else pays for what conversations hold."""
        if self.live() is None:
            self.alone = dict.fromkeys(self.alone, True)

    def hit(self, further: int, cached: int) -> None:
        """A call in time: whatever the engine had, it pays what it added."""
        self.pay_input(TOKENS + further, leased=TOKENS, cached=cached)

    def pay_input(self, tokens: int, *, leased: int, cached: int) -> None:
        split = split_input(
            input_tokens=tokens, cached_input_tokens=cached, leased_input_tokens=leased
        )
        assert min(split) >= 0
        assert split.new + split.cached + split.leased == tokens
        self.billed_input_tokens += split.new + split.cached

    def extend(self, ttl_ms: int) -> None:
        if lease := self.live():
            spans = self.sold[self.current]
            start, end = spans[-1]
            until = max(end, self.now + ttl_ms)
            # What passed in the grace before it was extended is nobody's.
            spans[-1:] = (
                [(start, until)]
                if self.now <= end
                else [(start, end), (self.now, until)]
            )
            self.note(self.table.extend(lease, ttl_ms=ttl_ms, now_ms=self.now))

    def release(self) -> None:
        if lease := self.live():
            self.note(self.table.release(lease, now_ms=self.now))

    def press(self, blocks: int) -> None:
        self.note(self.table.make_room(blocks, now_ms=self.now))

    def sweep(self) -> None:
        self.note(self.table.sweep(now_ms=self.now))

    def lose(self) -> None:
        self.note(self.table.lose_all(reason=Reason.CACHE_RESET, now_ms=self.now))

    def intervals(self) -> list[Interval]:
        return [
            one
            for lease_id, told in self.facts.items()
            for one in lease_intervals(told, sold_until_ms=self.sold[lease_id][0][1])
        ]


_TIME = st.integers(1, 90_000)
_ACTS = st.one_of(
    st.tuples(st.just("wait"), _TIME),
    st.tuples(st.just("renew"), st.integers(1_000, 60_000)),
    st.tuples(st.just("extend"), st.integers(1_000, 60_000)),
    st.tuples(st.just("hit"), st.integers(1, 50), st.integers(0, TOKENS + 50)),
    st.tuples(st.just("press"), st.integers(1, 20)),
    st.tuples(st.sampled_from(["release", "sweep", "lose"])),
)


def _act(story: Story, act) -> None:
    match act:
        case ("renew", ttl_ms):
            story.warm(ttl_ms, is_creation=False)
        case (name, *arguments):
            getattr(story, name)(*arguments)


@given(
    lease_class=st.sampled_from(LeaseClass),
    host_ttl_ms=st.sampled_from([0, 1]),
    ttl_ms=st.integers(1_000, 60_000),
    acts=st.lists(_ACTS, max_size=25),
)
def test_no_story_is_billed_below_its_cost_or_above_what_was_sold(
    lease_class, host_ttl_ms, ttl_ms, acts
):
    story = Story(lease_class, host_ttl_ms)
    story.warm(ttl_ms, is_creation=True)
    hits = 0
    for act in acts:
        _act(story, act)
        hits += act[1] if act[0] == "hit" else 0
    story.release()
    story.lose()

    # Input: the prompt once, and what each call added, whatever was lost meanwhile.
    assert story.billed_input_tokens == TOKENS + hits

    # Time: all that was held and bought, less than one MB_s an interval forgiven.
    intervals = story.intervals()
    billed = sum(one.mb_s for one in intervals)
    lost = story.held_byte_ms - billed * BYTE_MS_PER_MB_S
    assert 0 <= lost < BYTE_MS_PER_MB_S * max(1, len(intervals))
    assert all(one.mb_s >= 0 and one.ended_ms > one.started_ms for one in intervals)
    bought = [span for spans in story.sold.values() for span in spans]
    for one in intervals:
        assert one.started_ms >= min(start for start, _ in bought)
        assert one.ended_ms <= max(end for _, end in bought)

    # Money: no line below zero, and the sum is what the parts come to.
    input_line = amount_nanos(story.billed_input_tokens, INPUT_RATE)
    storage_line = amount_nanos(billed, HBM_RATE)
    assert input_line >= amount_nanos(TOKENS, INPUT_RATE)
    assert storage_line >= 0


_SHARING_ACTS = st.one_of(
    st.tuples(st.sampled_from(["wait"]), _TIME),
    st.tuples(st.sampled_from(["renew", "talk"]), st.integers(1_000, 120_000)),
    st.tuples(st.sampled_from(["release", "sweep"])),
)


@given(ttl_ms=st.integers(1_000, 60_000), acts=st.lists(_SHARING_ACTS, max_size=20))
def test_whoever_holds_the_blocks_of_a_prompt_pays_for_them(ttl_ms, acts):
    """While it is held the prompt does, and then each conversation for itself."""
    story = Story(LeaseClass.GUARANTEED, 0)
    story.warm(ttl_ms, is_creation=True)
    for act in acts:
        # As an engine does before each act.
        story.sweep()
        story.look()
        _act(story, act)
        story.look()
    story.lose()
    intervals = story.intervals()
    billed = sum(one.mb_s for one in intervals)
    lost = story.held_byte_ms - billed * BYTE_MS_PER_MB_S
    assert 0 <= lost < BYTE_MS_PER_MB_S * max(1, len(intervals))


@given(
    ttls=st.lists(st.integers(1_000, 3_600_000), min_size=1, max_size=10),
    early=st.integers(1, 999),
)
def test_a_chain_has_neither_a_gap_nor_a_moment_twice(ttls, early):
    """Renewed before its end, a prompt is charged from its first moment to its last."""
    story = Story(LeaseClass.GUARANTEED, 0)
    story.warm(ttls[0], is_creation=True)
    for before, ttl_ms in pairwise(ttls):
        story.wait(before - early)
        story.warm(ttl_ms, is_creation=False)
    story.wait(ttls[-1])
    story.release()
    intervals = sorted(story.intervals(), key=lambda one: one.started_ms)
    assert len(intervals) == len(ttls)
    assert all(one.ended_ms == two.started_ms for one, two in pairwise(intervals))
    begin, end = intervals[0].started_ms, intervals[-1].ended_ms
    assert (begin, end) == (1_000_000, story.now)
    whole = BLOCKS * BLOCK_BYTES * (end - begin) // BYTE_MS_PER_MB_S
    assert 0 <= whole - sum(one.mb_s for one in intervals) < len(ttls)
