"""What a usage event must not say, and what the meters show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.domain.usage import hour_us, objection, quantities
from tests.metering.journal import HOUR_US, NOON_US, make_event

SUMS = st.integers(0, 2**40)


def test_it_works():
    assert objection(make_event()) is None
    assert quantities(
        requests=2,
        input_tokens=10,
        cached_input_tokens=4,
        output_tokens=3,
        images=5,
        leased_input_tokens=1,
        charged_nanos=70,
    ) == {
        "new_input_tokens": 5,
        "cached_input_tokens": 4,
        "leased_input_tokens": 1,
        "output_tokens": 3,
        "images": 5,
        "requests": 2,
        "charged_nanos": 70,
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"event_id": "a" * 31}, "32 hexadecimal"),
        ({"event_id": "A" * 32}, "32 hexadecimal"),
        ({"tenant_id": -1}, "an id"),
        ({"price_version_id": 2**63}, "an id"),
        ({"model": "a\0b"}, "NUL"),
        ({"endpoint": "a" * 256}, "too long"),
        ({"output_tokens": -1}, "a quantity"),
        ({"input_tokens": 2**31}, "a quantity"),
        ({"cached_input_tokens": 101}, "more cached"),
        ({"leased_input_tokens": -1}, "a quantity"),
        ({"leased_input_tokens": 101}, "more leased"),
        ({"lease_id": "a" * 31}, "a lease id"),
        ({"lease_id": "A" * 32}, "a lease id"),
        ({"previous_lease_id": "a" * 32 + "\n"}, "a lease id"),
        ({"cached_prompt_id": "cp_" + "a" * 29}, "cached_prompt_id"),
        ({"lease_id": "a" * 32, "lease_expires_at_us": NOON_US // 1000}, "a time"),
        ({"reasoning_tokens": 8}, "more reasoning"),
        ({"happened_at_us": NOON_US // 1000}, "a time"),
        ({"received_at_us": NOON_US * 1000}, "a time"),
        ({"first_token_at_us": 0}, "a time"),
        ({"sent_at_us": 0}, "a time"),
        ({"images": -1}, "a quantity"),
        ({"images": 2**31}, "a quantity"),
        ({"samples": 0}, "samples or tries"),
        ({"tries": 0}, "samples or tries"),
        ({"tries": 2**31}, "samples or tries"),
        ({"cost_nanos": -1}, "the cost"),
        ({"cost_nanos": 9 * 10**15 + 1}, "the cost"),
    ],
)
def test_it_refuses(changes, reason):
    found = objection(make_event(**changes))
    assert found is not None
    assert reason in found


@given(
    parts=st.lists(
        st.tuples(SUMS, SUMS, SUMS, SUMS).map(lambda p: (p[0] + p[1], *p[1:])),
        min_size=1,
    )
)
def test_the_meters_of_a_sum_are_the_sums_of_the_meters(parts):
    def shown(requests, *sums):
        names = ("input_tokens", "cached_input_tokens", "output_tokens", "images")
        return quantities(requests=requests, **dict(zip(names, sums, strict=True)))

    each = [shown(1, *part) for part in parts]
    whole = shown(len(parts), *map(sum, zip(*parts, strict=True)))
    for meter in whole:
        assert whole[meter] == sum(one.get(meter, 0) for one in each)
    assert set(whole) == set().union(*each)


@pytest.mark.parametrize(
    ("at_us", "begin_us"),
    [
        (NOON_US, NOON_US),
        (NOON_US - 1, NOON_US - HOUR_US),
        (NOON_US + HOUR_US - 1, NOON_US),
    ],
)
def test_an_hour_is_half_open(at_us, begin_us):
    assert hour_us(at_us) == begin_us
