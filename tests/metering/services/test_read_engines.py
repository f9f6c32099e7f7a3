"""Engines' counters into readings and epochs; against the simulator and silent ones."""

import socket
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from inference.domain.engine_counters import EngineCounters, EngineMetrics
from inference.services.read_engine_counters import Answer
from metering.audit_models import EngineEpoch, EngineReading
from metering.services.read_engines import read_engines, store_reading
from tests.engine_contract.engines import run_simulator
from tests.factories import make_engine, make_served_model
from tests.metering.audit import MODEL, after

pytestmark = pytest.mark.django_db
STARTED_AT = after().timestamp()


def answer(
    minutes, *, output=0, started_at: float | None = STARTED_AT, engine_id=1, **counts
):
    asked_at = after(minutes=minutes)
    counters = EngineCounters(output_tokens=output, **counts)
    return Answer(
        engine_id=engine_id,
        asked_at=asked_at,
        answered_at=asked_at + timedelta(milliseconds=3),
        metrics=EngineMetrics(started_at=started_at, models={MODEL: counters}),
    )


def epochs():
    rows = EngineEpoch.objects.order_by("started_at")
    return [(row.started_at, row.is_start_known, row.readings.count()) for row in rows]


def test_it_works(tmp_path):
    with run_simulator(tmp_path) as engine:
        model = make_served_model(name=MODEL)
        row = make_engine(served_model=model, address=engine.socket)
        before = timezone.now()
        assert read_engines() == 1
        usage = engine.chat("Hello", max_tokens=3, ignore_eos=True)["usage"]
        assert read_engines() == 1

    first, second = EngineReading.objects.order_by("asked_at")
    assert first.epoch == second.epoch
    assert (first.epoch.engine_id, first.model) == (row.pk, MODEL)
    assert first.epoch.started_at < before <= first.asked_at <= first.answered_at
    assert (first.computed_input_tokens, first.output_tokens) == (0, 0)
    assert second.computed_input_tokens == usage["prompt_tokens"]
    assert second.output_tokens == 3
    assert second.running_requests + second.waiting_requests == 0


def test_a_restarted_engine_begins_an_epoch(tmp_path):
    model = make_served_model(name=MODEL)
    make_engine(served_model=model, address=tmp_path / "engine.sock")
    for _ in range(2):
        with run_simulator(tmp_path):
            assert read_engines() == 1
    assert EngineEpoch.objects.filter(is_start_known=True).count() == 2


def test_engines_that_are_silent_or_count_nothing_do_not_hold_up_others(tmp_path):
    silent = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as listener, run_simulator(tmp_path) as engine:
        listener.bind(str(silent))
        listener.listen()
        model = make_served_model(name=MODEL)
        for address in (silent, tmp_path / "none.sock", engine.socket):
            make_engine(served_model=model, address=address)
        assert read_engines() == 1


def test_readings_of_one_life_are_of_one_epoch():
    assert [store_reading(answer(n, output=n)) for n in range(3)] == [1, 1, 1]
    assert epochs() == [(datetime.fromtimestamp(STARTED_AT, UTC), True, 3)]


def test_another_start_begins_an_epoch():
    store_reading(answer(1, output=5))
    store_reading(answer(2, output=50, started_at=STARTED_AT + 90))
    assert [known for _, known, _ in epochs()] == [True, True]


def test_counters_that_fell_begin_an_epoch_of_unknown_start():
    store_reading(answer(1, output=5, started_at=None))
    store_reading(answer(2, output=6, started_at=None))
    store_reading(answer(3, output=1, started_at=None))
    store_reading(answer(4, output=2, started_at=None))
    assert epochs() == [(after(minutes=1), False, 2), (after(minutes=3), False, 2)]


def test_counters_that_fell_under_one_start():
    store_reading(answer(1, output=5))
    store_reading(answer(2, output=1))
    store_reading(answer(3, output=2))
    assert [(known, count) for _, known, count in epochs()] == [(True, 1), (False, 2)]


@pytest.mark.parametrize(
    "name", ["computed_input_tokens", "cached_input_tokens", "external_input_tokens"]
)
def test_each_counter_tells_a_fall(name):
    store_reading(answer(1, **{name: 5}))
    store_reading(answer(2, **{name: 4}))
    assert EngineEpoch.objects.count() == 2


def test_a_reading_that_was_overtaken_is_dropped():
    assert store_reading(answer(2, output=5)) == 1
    assert store_reading(answer(1, output=4)) == 0
    assert store_reading(answer(2, output=5)) == 0
    assert store_reading(answer(1, output=4, engine_id=2)) == 1
