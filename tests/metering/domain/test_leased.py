from hypothesis import given
from hypothesis import strategies as st

from metering.domain.leased import InputSplit, split_input

TOKENS = st.integers(0, 2**31 - 1)


def test_it_works():
    split = split_input(
        input_tokens=1_050, cached_input_tokens=1_008, leased_input_tokens=1_000
    )

    assert split == InputSplit(new=42, cached=8, leased=1_000, absorbed=0)


def test_a_lost_lease_costs_us_the_prefill():
    split = split_input(
        input_tokens=1_050, cached_input_tokens=0, leased_input_tokens=1_000
    )

    assert split == InputSplit(new=50, cached=0, leased=1_000, absorbed=1_000)


def test_without_a_lease_it_is_as_before():
    split = split_input(input_tokens=100, cached_input_tokens=40, leased_input_tokens=0)

    assert split == InputSplit(new=60, cached=40, leased=0, absorbed=0)


@given(TOKENS, TOKENS, TOKENS)
def test_nothing_is_lost_and_nothing_below_zero(whole, cached, leased):
    split = split_input(
        input_tokens=whole, cached_input_tokens=cached, leased_input_tokens=leased
    )

    assert min(split) >= 0
    assert split.new + split.cached + split.leased == whole
    assert split.absorbed <= split.leased


@given(TOKENS, TOKENS, TOKENS, TOKENS)
def test_a_longer_lease_never_makes_a_call_dearer(whole, cached, leased, longer):
    """At any rates where a hit is not dearer than a miss."""
    short, long = sorted((leased, longer))
    before, after = (
        split_input(
            input_tokens=whole, cached_input_tokens=cached, leased_input_tokens=tokens
        )
        for tokens in (short, long)
    )

    assert after.new <= before.new
    assert after.new + after.cached <= before.new + before.cached
