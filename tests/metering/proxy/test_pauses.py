"""An engine that fails again and again is left alone for a while."""

import time

import pytest

from inference.wire import EngineAddress
from metering.proxy.upstream import Engine


@pytest.fixture
def engine(monkeypatch) -> Engine:
    address = EngineAddress(engine_id=1, name="e1", address="unix:/run/e1.sock")
    engine = Engine(address, connect_seconds=1)
    engine.is_healthy = True
    monkeypatch.setattr(time, "monotonic", lambda: engine.now)  # type: ignore[attr-defined]
    engine.now = 100.0  # type: ignore[attr-defined]
    return engine


def pause_seconds(engine):
    began = engine.now
    while not engine.admits():
        engine.now += 0.25
    return engine.now - began


def test_it_works(engine):
    for _ in range(4):
        engine.failed()
    assert engine.admits()
    engine.failed()
    assert pause_seconds(engine) == 1


def test_calls_that_are_lost_together_are_one_failure_too_many(engine):
    for _ in range(50):
        engine.failed()
    assert pause_seconds(engine) == 1


def test_one_call_tries_it_and_the_pause_grows(engine):
    for _ in range(5):
        engine.failed()
    pauses = []
    for _ in range(7):
        pauses.append(pause_seconds(engine))
        engine.begin()
        assert not engine.admits()  # one at a time
        engine.failed()
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_a_success_ends_it(engine):
    for _ in range(5):
        engine.failed()
    pause_seconds(engine)
    engine.begin()
    engine.succeeded()
    assert engine.admits()
    for _ in range(4):
        engine.failed()
    assert engine.admits()


def test_an_engine_that_is_away_admits_nothing(engine):
    engine.is_healthy = False
    assert not engine.admits()


def test_a_day_of_pauses_ends_as_the_last_hour_did(engine):
    for _ in range(5):
        engine.failed()
    for _ in range(24 * 60 * 2):
        engine.now += 30
        engine.begin()
        engine.failed()
    assert pause_seconds(engine) == 30
