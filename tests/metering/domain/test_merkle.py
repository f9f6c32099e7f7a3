"""Roots and proofs, against the definition and a published vector."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.domain.merkle import inclusion_proof, merkle_root, node, root_by_proof

# The leaves of the tests of Certificate Transparency, and the root of all eight.
LEAVES = [
    hashlib.sha256(b"\x00" + bytes.fromhex(text)).digest()
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
SIZES = st.integers(min_value=1, max_value=70)


def _leaves(size: int) -> list[bytes]:
    return [hashlib.sha256(bytes([number])).digest() for number in range(size)]


def _by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word by word."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node(_by_definition(leaves[:half]), _by_definition(leaves[half:]))


def test_it_works():
    assert merkle_root(LEAVES).hex() == ROOT


def test_the_root_of_nothing_is_the_hash_of_nothing():
    assert merkle_root([]) == hashlib.sha256(b"").digest()


@given(SIZES)
def test_the_root_is_what_the_definition_says(size):
    assert merkle_root(iter(_leaves(size))) == _by_definition(_leaves(size))


@given(SIZES, st.data())
def test_a_proof_leads_to_the_root(size, data):
    index = data.draw(st.integers(0, size - 1))
    leaves = _leaves(size)
    proof = inclusion_proof(leaves, index)
    found = root_by_proof(leaves[index], index=index, size=size, proof=proof)
    assert found == merkle_root(leaves)


@given(st.integers(2, 70), st.data())
def test_it_refuses_a_proof_of_another_leaf(size, data):
    index = data.draw(st.integers(0, size - 1))
    leaves = _leaves(size)
    proof = inclusion_proof(leaves, index)
    another = hashlib.sha256(b"another").digest()
    root = merkle_root(leaves)
    assert root_by_proof(another, index=index, size=size, proof=proof) != root
    wrong = (index + 1) % size
    assert root_by_proof(leaves[index], index=wrong, size=size, proof=proof) != root
    short = root_by_proof(leaves[index], index=index, size=size, proof=proof[:-1])
    assert short != root


def test_it_refuses_an_index_outside():
    with pytest.raises(IndexError):
        inclusion_proof(LEAVES, 8)
    assert root_by_proof(LEAVES[0], index=8, size=8, proof=[]) is None
    assert root_by_proof(LEAVES[0], index=0, size=1, proof=[LEAVES[1]]) is None


@given(st.integers(1, 40))
def test_blocks_of_a_power_of_two_are_nodes_of_the_tree(size):
    """So a stored root per block is enough to prove one leaf of a million."""
    leaves = _leaves(size)
    blocks = [merkle_root(leaves[start : start + 4]) for start in range(0, size, 4)]
    assert merkle_root(blocks) == merkle_root(leaves)
    for index in range(size):
        start = index - index % 4
        inside = inclusion_proof(leaves[start : start + 4], index - start)
        proof = [*inside, *inclusion_proof(blocks, index // 4)]
        assert proof == inclusion_proof(leaves, index)
