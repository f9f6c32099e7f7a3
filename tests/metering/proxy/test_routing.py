"""Where calls with one beginning go, among engines that are equally busy."""

from collections import Counter

import pytest

from inference.wire import EngineAddress
from metering.proxy.routing import _choose
from metering.proxy.upstream import Engine

PREFIXES = [
    b'{"role":"system","content":"You are assistant %d. ' % number + b"Be brief. " * 30
    for number in range(8000)
]


def engines(*ids: int) -> list[Engine]:
    return [
        Engine(
            EngineAddress(engine_id=number, name=f"e{number}", address="unix:/x"),
            connect_seconds=1,
        )
        for number in ids
    ]


def homes(*ids: int) -> list[int]:
    among = engines(*ids)
    return [_choose(among, prefix).address.engine_id for prefix in PREFIXES]


@pytest.mark.parametrize(
    "ids",
    [
        (1, 2),
        (1, 2, 3),
        (1, 2, 3, 4),
        (1, 2, 4, 8),
        (16, 32, 48),
        (3, 7, 11, 12, 40),
        tuple(range(1, 9)),
    ],
)
def test_it_works(ids: tuple[int, ...]):
    """Each engine gets its part of 8,000 prefixes, give or take chance: an eighth is
    four standard deviations where there are eight engines.
    """
    part = len(PREFIXES) / len(ids)
    counts = Counter(homes(*ids))
    assert all(abs(counts[one] / part - 1) < 1 / 8 for one in ids), counts


def test_an_engine_that_leaves_moves_its_own_prefixes_only():
    before, after = homes(1, 2, 3, 4), homes(1, 2, 4)
    moved = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert {a for a, _ in moved} == {3}
    taken = Counter(b for _, b in moved)
    assert all(abs(taken[one] * 3 / len(moved) - 1) < 1 / 4 for one in (1, 2, 4))
