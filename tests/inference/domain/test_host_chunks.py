from dataclasses import dataclass

import pytest

from inference.domain.host_chunks import HostChunks


@dataclass
class Place:
    ref_cnt: int = 0

    @property
    def is_ready(self):
        return self.ref_cnt >= 0


def copied(*keys):
    """Host memory in which these have come to lie, one after the other."""
    chunks: HostChunks[Place] = HostChunks()
    for key in keys:
        chunks.insert(key, Place())
        chunks.mark_evictable(key)
    return chunks


def evicted(chunks, count, protected=()):
    found = chunks.evict(count, set(protected))
    return None if found is None else [key for key, _ in found]


def test_it_works():
    chunks = copied(b"a", b"b", b"c")
    chunks.touch([b"a", b"x"], None)
    assert evicted(chunks, 2) == [b"b", b"c"]
    assert chunks.get(b"b") is None
    assert chunks.is_there(b"a")


def test_the_beginning_of_a_prefix_goes_last():
    chunks = copied(b"a", b"b", b"c")
    chunks.touch([b"a", b"b", b"c"], None)
    assert evicted(chunks, 3) == [b"c", b"b", b"a"]


def test_it_refuses_to_evict_what_is_kept():
    chunks = copied(b"a", b"b")
    chunks.keep([b"a", b"later"])
    assert evicted(chunks, 2) is None
    assert evicted(chunks, 1) == [b"b"]
    chunks.insert(b"later", Place())
    chunks.mark_evictable(b"later")
    assert evicted(chunks, 1) is None
    chunks.let_go([b"a", b"later", b"never"])
    assert evicted(chunks, 2) == [b"a", b"later"]


def test_it_refuses_to_evict_what_is_protected_or_being_copied():
    chunks = copied(b"a", b"b", b"c")
    chunks.mark_non_evictable(b"a")
    assert evicted(chunks, 2, protected=[b"b"]) is None
    assert evicted(chunks, 1, protected=[b"b"]) == [b"c"]


@pytest.mark.parametrize("ref_cnt", [-1, 1])
def test_what_is_let_go_during_a_copy_waits_for_its_end(ref_cnt):
    chunks: HostChunks[Place] = HostChunks()
    chunks.keep([b"a"])
    chunks.insert(b"a", place := Place(ref_cnt))
    chunks.let_go([b"a"])
    assert evicted(chunks, 1) is None
    assert chunks.is_there(b"a") == (ref_cnt > 0)
    place.ref_cnt = 0
    chunks.mark_evictable(b"a")
    assert evicted(chunks, 1) == [b"a"]


def test_nothing_is_there_once_it_is_cleared_or_failed():
    chunks = copied(b"a")
    chunks.insert(b"b", Place(-1))
    chunks.remove(b"b")
    chunks.clear()
    assert [chunks.get(key) for key in (b"a", b"b")] == [None, None]
    assert evicted(chunks, 1) is None
