"""The hashes are those of vLLM 0.32 (`sha256_cbor`); the contract suite asks a running
engine for its own.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.domain.block_hash import block_hashes, equal_blocks

# One token of each length that CBOR writes.
TOKENS = (0, 23, 24, 255, 256, 65535, 65536, 128255)
SALTED = [
    "89ec3f7a717a38d9a3a12a963f23a7d1a7c7cdef9ad15edd9d3ca819c6ca0abc",
    "844271f5d1aba690b6d86c2cf90cd203624520ec228c95b791ed8e6982602740",
]
PLAIN = [
    "dc7fbfd287fac7b6243222eb8a406c3a145df86542e11806ae74c52db0f7a8e2",
    "51e0a8a9291fe27932097633507c737f5f733598e248d154035e6625ada5b4f3",
]


def hashes(tokens, salt=""):
    return [one.hex() for one in block_hashes(tokens, salt=salt, block_tokens=4)]


@pytest.mark.parametrize(("salt", "expected"), [("", PLAIN), ("tenant-salt", SALTED)])
def test_it_works(salt, expected):
    assert hashes(TOKENS, salt) == expected


def test_a_block_that_is_not_full_has_no_name():
    assert hashes(TOKENS[:7], "tenant-salt") == SALTED[:1]
    assert hashes(TOKENS[:3]) == []


def test_it_refuses_what_is_no_token_id():
    with pytest.raises(OverflowError):
        hashes((1 << 64, 0, 0, 0))


@given(
    st.lists(st.integers(0, 9), max_size=40),
    st.lists(st.integers(0, 9), max_size=40),
    st.integers(0, 40),
)
def test_equal_blocks_are_those_before_the_first_difference(one, other, shared):
    other = one[:shared] + other
    found = equal_blocks(
        list(block_hashes(one, salt="", block_tokens=4)),
        list(block_hashes(other, salt="", block_tokens=4)),
    )
    counted = 0
    while counted < min(len(one), len(other)) and one[counted] == other[counted]:
        counted += 1
    assert found == counted // 4
