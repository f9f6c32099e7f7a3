"""Old readings go, but for those that a statement or an epoch needs."""

from datetime import timedelta

import pytest

from metering.audit_models import EngineReading
from metering.services import thin_engine_readings as service
from metering.services.reconcile_engines import reconcile_engines
from metering.services.thin_engine_readings import thin_engine_readings
from tests.metering.audit import after, make_epoch, make_reading

pytestmark = pytest.mark.django_db
LATER = after(days=4)


def test_it_works(root, settings):
    settings.JOURNAL_FOLDER = root
    epoch = make_epoch()
    minutes = [0, 5, 59, 60, 100, 119, 200]
    readings = [
        make_reading(epoch, after(minutes=n), running=int(n > 100)) for n in minutes
    ]
    [statement] = reconcile_engines(after().date(), now=LATER)
    assert (statement.closing, statement.last) == (readings[4], readings[6])

    assert thin_engine_readings(now=LATER) == 2
    kept = EngineReading.objects.order_by("asked_at")
    # The first, the last of each hour, and the closing one.
    assert list(kept) == [readings[n] for n in (0, 2, 4, 5, 6)]
    assert thin_engine_readings(now=LATER) == 0


def test_the_last_days_stay_whole():
    epoch = make_epoch()
    for n in range(5):
        make_reading(epoch, LATER - service.KEPT_WHOLE + timedelta(seconds=n))
    assert thin_engine_readings(now=LATER) == 0


def test_epochs_and_models_are_thinned_apart():
    for engine_id in (1, 2):
        epoch = make_epoch(engine_id=engine_id)
        for model in ("small", "large"):
            for n in range(3):
                make_reading(epoch, after(minutes=n), model=model)
    assert thin_engine_readings(now=LATER) == 4


def test_one_call_is_bounded(monkeypatch):
    monkeypatch.setattr(service, "DELETED_MAX", 2)
    epoch = make_epoch()
    for n in range(10):
        make_reading(epoch, after(minutes=n))
    assert [thin_engine_readings(now=LATER) for _ in range(5)] == [2, 2, 2, 2, 0]
