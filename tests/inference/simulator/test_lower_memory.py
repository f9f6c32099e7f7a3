from inference.domain.kv_feed import KvFeed
from inference.simulator.lower_memory import LowerMemory


def names(*numbers):
    return [bytes([number]) for number in numbers]


def test_it_works():
    memory = LowerMemory(4, KvFeed())
    assert memory.copy(names(1, 2)) == 2
    assert memory.copy(names(1, 2, 3)) == 1
    assert memory.used_blocks == 3
    assert memory.leading(names(1, 2, 9, 3)) == 2
    memory.forget()
    assert (memory.used_blocks, memory.leading(names(1))) == (0, 0)


def test_the_end_of_the_oldest_goes_first():
    memory = LowerMemory(4, KvFeed())
    memory.copy(names(1, 2))
    memory.copy(names(3, 4))
    memory.touch(names(1, 2))
    assert memory.copy(names(5)) == 1
    assert memory.leading(names(1, 2)) == 2
    assert memory.leading(names(3, 4)) == 1


def test_what_is_kept_stays():
    memory = LowerMemory(2, KvFeed())
    memory.keep(names(1, 2))
    memory.copy(names(1, 2))
    assert memory.copy(names(3)) == 0
    memory.let_go(names(1, 2))
    assert memory.copy(names(3)) == 1


def test_it_refuses_what_does_not_fit_whole():
    memory = LowerMemory(2, KvFeed())
    memory.copy(names(1))
    assert memory.copy(names(1, 2, 3)) == 0
    assert (memory.used_blocks, memory.leading(names(1))) == (1, 1)
