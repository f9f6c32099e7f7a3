from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from inference.simulator.blocks import BLOCK_TOKENS, BlockPool, block_keys, blocks_for

prompts = st.lists(st.integers(0, 1), min_size=1, max_size=4 * BLOCK_TOKENS).map(
    # Few values and long runs, so that prefixes are often shared.
    lambda bits: [bit for bit in bits for _ in range(7)]
)
salts = st.sampled_from(["", "tenant-a", "tenant-b"])


def allocate(pool, prompt, *, output_tokens=1, salt=""):
    found = pool.find(prompt, salt)
    return pool.allocate(found, output_tokens=output_tokens)


def release(pool, allocation, computed):
    pool.learn(allocation, computed)
    pool.release(allocation)


def test_it_works():
    pool = BlockPool(10)
    prompt = list(range(37))
    first = allocate(pool, prompt)
    assert (first.cached_tokens, first.cache_write_tokens) == (0, 32)
    assert pool.usage == 0.2
    release(pool, first, prompt)
    second = allocate(pool, prompt)
    assert (second.cached_tokens, second.cache_write_tokens) == (32, 0)


def test_a_running_sequence_shares_its_blocks():
    pool = BlockPool(10)
    prompt = list(range(65))
    allocate(pool, prompt)
    assert allocate(pool, prompt).cached_tokens == 64
    assert pool.usage == 0.4


def test_output_fills_blocks_that_the_next_turn_finds():
    pool = BlockPool(10)
    prompt, output = list(range(37)), list(range(100, 160))
    allocation = allocate(pool, prompt, output_tokens=60)
    release(pool, allocation, prompt + output)
    assert allocate(pool, prompt + output + [7]).cached_tokens == 96


def test_it_refuses_what_does_not_fit():
    pool = BlockPool(2)
    held = allocate(pool, list(range(33)))
    assert allocate(pool, list(range(500, 533))) is None
    release(pool, held, [])
    assert allocate(pool, list(range(500, 533))) is not None


def test_the_least_recently_released_is_evicted_first():
    pool = BlockPool(4)
    old, new = list(range(33)), list(range(500, 533))
    for prompt in (old, new):
        release(pool, allocate(pool, prompt), prompt)
    release(pool, allocate(pool, list(range(900, 933))), [])
    assert allocate(pool, new).cached_tokens == 32
    assert allocate(pool, old).cached_tokens == 0


def test_the_end_of_a_sequence_is_evicted_before_its_beginning():
    pool = BlockPool(4)
    prompt = list(range(97))
    release(pool, allocate(pool, prompt), prompt)
    release(pool, allocate(pool, list(range(500, 533))), [])
    assert allocate(pool, prompt).cached_tokens == 64


def test_a_lease_is_one_more_holder():
    pool = BlockPool(4)
    prompt = list(range(70))
    allocation = allocate(pool, prompt)
    pool.pin(pool.full_blocks(prompt, ""))
    release(pool, allocation, prompt)
    assert pool.usage == 0.5
    release(pool, allocate(pool, list(range(500, 564)), output_tokens=0), [])
    assert allocate(pool, prompt).cached_tokens == 64


def test_it_refuses_the_room_of_a_lease_until_that_is_freed():
    pool = BlockPool(4)
    prompt, other = list(range(64)), list(range(500, 600))
    release(pool, allocate(pool, prompt, output_tokens=0), prompt)
    pinned = pool.full_blocks(prompt, "")
    pool.pin(pinned)
    assert allocate(pool, other) is None
    assert pool.missing(pool.find(other), output_tokens=1) == 2
    pool.free(pinned)
    assert allocate(pool, other) is not None


def test_restored_blocks_count_as_cached():
    pool = BlockPool(4)
    prompt = list(range(100))
    found = pool.find(prompt)
    allocation = pool.allocate(found, output_tokens=1, restored_blocks=2)
    assert allocation is not None
    assert (allocation.cached_tokens, allocation.restored_tokens) == (64, 64)
    assert allocation.cache_write_tokens == 32


def test_what_is_forgotten_is_found_no_more():
    pool = BlockPool(6)
    held, idle = list(range(64)), list(range(500, 564))
    allocate(pool, held)
    release(pool, allocate(pool, idle), idle)
    pool.forget()
    assert len(pool.full_blocks(held, "")) == 2
    assert pool.full_blocks(idle, "") == []


@given(prompts, salts)
def test_the_same_prompt_hits_all_but_its_last_token(prompt, salt):
    pool = BlockPool(100)
    release(pool, allocate(pool, prompt, salt=salt), prompt)
    again = allocate(pool, prompt, salt=salt)
    assert again.cached_tokens == (len(prompt) - 1) // BLOCK_TOKENS * BLOCK_TOKENS
    tail = len(prompt) - again.cached_tokens - again.cache_write_tokens
    assert 0 <= tail < BLOCK_TOKENS


@given(prompts, prompts)
def test_salts_never_share(one, other):
    pool = BlockPool(200)
    release(pool, allocate(pool, one, salt="a"), one)
    assert allocate(pool, other, salt="b").cached_tokens == 0
    assert not set(block_keys(one, "a")) & set(block_keys(other, "b"))


@given(prompts, prompts)
def test_keys_agree_exactly_on_the_common_prefix(one, other):
    pairs = zip(one, other, strict=False)
    common = next(
        (place for place, (a, b) in enumerate(pairs) if a != b),
        min(len(one), len(other)),
    )
    keys = zip(block_keys(one), block_keys(other), strict=False)
    equal = sum(1 for mine, theirs in keys if mine == theirs)
    assert equal == common // BLOCK_TOKENS


class PoolStory(RuleBasedStateMachine):
    """Whatever comes and goes, the pool keeps its promises."""

    held = Bundle("held")

    def __init__(self):
        super().__init__()
        self.pool = BlockPool(24)
        self.promised = 0
        self.alive = {}

    @rule(target=held, prompt=prompts, salt=salts, output_tokens=st.integers(1, 80))
    def come(self, prompt, salt, output_tokens):
        allocation = allocate(self.pool, prompt, output_tokens=output_tokens, salt=salt)
        if allocation is None:
            return multiple()
        assert len(allocation.blocks) == blocks_for(len(prompt) + output_tokens)
        self.alive[id(allocation)] = allocation
        return (allocation, prompt)

    @rule(pair=consumes(held), made=st.integers(0, 80))
    def go(self, pair, made):
        allocation, prompt = pair
        room = len(allocation.blocks) * BLOCK_TOKENS - len(prompt)
        del self.alive[id(allocation)]
        release(self.pool, allocation, prompt + [3] * min(made, room))

    @invariant()
    def it_never_holds_more_than_it_has(self):
        blocks = {block for each in self.alive.values() for block in each.blocks}
        assert len(blocks) <= self.pool.capacity
        assert round(self.pool.usage * self.pool.capacity) == len(blocks)

    @invariant()
    def holders_are_counted(self):
        for allocation in self.alive.values():
            for block in allocation.blocks:
                sharing = [each for each in self.alive.values() if block in each.blocks]
                assert block.holders == len(sharing)


PoolStory.TestCase.settings = settings(max_examples=40, deadline=None)
TestPoolStory = PoolStory.TestCase
