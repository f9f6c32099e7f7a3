"""What each engine did: together always what the rollups say."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from metering.coarse_models import METERS
from metering.engine_usage_models import (
    EngineLoadHour,
    EngineUsageHour,
    OpenEngineHour,
)
from metering.lease_models import LeaseInterval
from metering.models import OpenHour, UsageRollup
from metering.services.fold_engine_usage import fold_engine_usage
from metering.services.rebuild_rollups import rebuild_rollups
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from metering.services.thin_engine_readings import KEPT_WHOLE
from metering.wire import Outcome
from tests.metering.audit import make_epoch, make_reading
from tests.metering.journal import HOUR_US, NOON_US, make_event

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOW = NOON + timedelta(hours=1)


def fold(events=(), *, now=NOW):
    store_usage_events(list(events))
    while roll_up_usage():
        pass
    return fold_engine_usage(now=now)


def of_engines():
    found: Counter[tuple[object, ...]] = Counter()
    for row in EngineUsageHour.objects.all():
        for meter in METERS:
            place = row.hour_at, row.model, row.price_version_id, meter
            found[place] += getattr(row, meter)
    return +found


def of_rollups():
    found: Counter[tuple[object, ...]] = Counter()
    for row in UsageRollup.objects.all():
        place = row.hour_at, row.model, row.price_version_id, row.meter
        found[place] += row.quantity
    return +found


def interval(**changes):
    return LeaseInterval.objects.create(
        **{
            "tenant_id": 1,
            "project_id": 10,
            "api_key_id": 100,
            "model": "smollm2-135m-instruct",
            "price_version_id": 1,
            "event_id": uuid4(),
            "lease_id": uuid4(),
            "engine_id": 2,
            "epoch": "e",
            "tier": "hbm",
            "bytes": 5_000_000,
            "started_at": NOON,
            "ended_at": NOON + timedelta(seconds=10),
            "first_sequence": 1,
            "last_sequence": 2,
            "mb_s": 50,
            **changes,
        }
    )


def test_it_works():
    events = [
        make_event(),
        make_event(tenant_id=2, engine_id=2, output_tokens=9),
        make_event(api_key_id=101, engine_id=2, price_version_id=3, images=2),
        make_event(is_warming=True, engine_id=2),
        make_event(happened_at_us=NOON_US + HOUR_US, model="other"),
        make_event(outcome=Outcome.UNBILLED, engine_id=3),
    ]
    interval()
    interval(engine_id=1, tier="host", mb_s=70)
    interval(credit_reason="lost", mb_s=900)
    OpenHour.objects.create(tenant_id=1, hour_at=NOON)

    assert fold(events) == 2

    assert of_engines() == of_rollups()
    rows = EngineUsageHour.objects.filter(hour_at=NOON, price_version_id=1)
    first, second = rows.order_by("engine_id")
    assert (first.engine_id, first.output_tokens, first.host_mb_s) == (1, 7, 70)
    assert (second.engine_id, second.output_tokens, second.hbm_mb_s) == (2, 9, 50)
    assert (first.requests, second.requests) == (1, 1)
    assert not OpenEngineHour.objects.exists()
    assert fold() == 0


def test_a_late_event_moves_its_hour_alone():
    fold([make_event(), make_event(happened_at_us=NOON_US + HOUR_US)])
    EngineUsageHour.objects.filter(hour_at__gt=NOON).update(output_tokens=1)

    assert fold([make_event(engine_id=2)]) == 1

    at_noon = EngineUsageHour.objects.filter(hour_at=NOON)
    assert [row.output_tokens for row in at_noon.order_by("engine_id")] == [7, 7]
    assert EngineUsageHour.objects.get(hour_at__gt=NOON).output_tokens == 1


def test_rebuilt_rollups_are_followed():
    fold([make_event()])
    EngineUsageHour.objects.all().delete()
    rebuild_rollups(start=NOON, end=NOON + timedelta(hours=1))

    fold()

    assert of_engines() == of_rollups() != {}


def test_no_more_than_asked_for_at_once():
    events = [make_event(happened_at_us=NOON_US - n * HOUR_US) for n in range(3)]
    store_usage_events(events)
    roll_up_usage()
    assert fold_engine_usage(now=NOW, hours_max=2) == 2
    assert [row.hour_at for row in OpenEngineHour.objects.all()] == [
        NOON - timedelta(hours=2)
    ]


def test_a_reading_with_calls_is_ten_busy_seconds():
    epoch, other = make_epoch(started_at=NOON), make_epoch(engine_id=2, started_at=NOON)
    for number in range(6):
        at = NOON + timedelta(seconds=10 * number)
        for model in ("a", "b"):
            make_reading(epoch, at, running=number % 2, model=model)
        make_reading(other, at, running=0, waiting=3)

    fold([make_event()])

    (load,) = EngineLoadHour.objects.all()
    assert (load.hour_at, load.engine_id, load.busy_seconds) == (NOON, 1, 30)


def test_the_load_of_long_ago_stays():
    """Most of its readings are gone."""
    EngineLoadHour.objects.create(hour_at=NOON, engine_id=1, busy_seconds=1_200)
    fold([make_event()], now=NOON + KEPT_WHOLE)
    assert EngineLoadHour.objects.get().busy_seconds == 1_200
