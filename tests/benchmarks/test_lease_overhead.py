"""What a change costs, from repetitions side by side."""

import pytest

from benchmarks.lease_overhead import ratio


def test_it_works():
    """A slow minute of the machine hits both."""
    found = ratio([100, 200, 100, 100, 100], [101, 202, 103, 102, 99])

    assert (found.before, found.now) == (100, 102)
    assert found.middle == pytest.approx(1.01)
    assert found.low == pytest.approx(1.01)
    assert found.high == pytest.approx(1.02)
