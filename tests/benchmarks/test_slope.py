"""The soak's straight line."""

import math

import pytest

from benchmarks.slope import slope


def test_it_works():
    found = slope([0, 1, 2, 3], [100, 102.5, 105, 107.5])

    assert found.per_minute == pytest.approx(2.5)
    assert found.error == pytest.approx(0, abs=1e-9)


def test_noise_widens_the_error_until_it_covers_zero():
    found = slope([0, 1, 2, 3, 4, 5], [100, 107, 99, 106, 101, 105])

    assert found.error > abs(found.per_minute)


def test_two_samples_say_nothing():
    assert slope([0, 1], [1, 2]).error == math.inf
