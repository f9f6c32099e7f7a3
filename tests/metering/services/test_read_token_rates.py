"""Speeds from stored counters."""

from datetime import timedelta

import pytest

from metering.services.read_token_rates import STEPS, TokenRates, read_token_rates
from tests.metering.audit import NOON, after, make_epoch, make_reading

pytestmark = pytest.mark.django_db


def test_it_works():
    epoch = make_epoch()
    for number in range(4):
        make_reading(
            epoch,
            after(seconds=-33 + 10 * number),
            new=1_000 * number,
            cached=200 * number,
            external=100 * number,
            output=50 * number,
            running=number,
            waiting=2 * number,
        )

    found = read_token_rates(now=NOON)

    assert found.steps[-1] == NOON - timedelta(seconds=10)
    (rates,) = found.by_engine.values()
    assert rates.computed_input[-5:] == [0, 0, 100, 100, 100]
    assert rates.cached_input[-5:] == [0, 0, 30, 30, 30]
    assert rates.output[-5:] == [0, 0, 5, 5, 5]
    assert rates.running[-5:] == [0, 0, 1, 2, 3]
    assert rates.waiting[-5:] == [0, 0, 2, 4, 6]


def test_engines_are_added():
    for engine_id in (1, 2):
        epoch = make_epoch(engine_id=engine_id)
        make_reading(epoch, after(seconds=-20), output=0)
        make_reading(epoch, after(seconds=-10), output=400 * engine_id)

    found = read_token_rates(now=NOON)

    assert found.by_engine.keys() == {1, 2}
    assert max(found.together.output) == 120


def test_a_restart_is_no_speed():
    """The counters begin at zero again, in another epoch."""
    make_reading(make_epoch(), after(seconds=-20), output=90_000)
    make_reading(
        make_epoch(started_at=after(seconds=-15)), after(seconds=-10), output=5
    )

    assert read_token_rates(now=NOON).together == TokenRates()


def test_nothing_is_said_over_a_gap():
    epoch = make_epoch()
    make_reading(epoch, after(seconds=-200), output=0)
    make_reading(epoch, after(seconds=-100), output=9_000)

    assert read_token_rates(now=NOON).together.output == [0] * STEPS


def test_what_is_older_than_the_steps_is_left_out():
    epoch = make_epoch()
    make_reading(epoch, after(minutes=-16), output=0)
    make_reading(epoch, after(minutes=-15, seconds=-4), output=560)
    make_reading(epoch, after(minutes=-14, seconds=-54), output=660)

    output = read_token_rates(now=NOON).together.output

    assert (output[0], set(output[1:])) == (10, {0})
