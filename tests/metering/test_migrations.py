"""The migrations that change facts' tables can be taken back with facts in them."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from metering.coarse_models import UsageDay, UsageHour
from metering.models import UsageEvent, UsageRollup
from metering.services.prepare_usage_partitions import prepare_usage_partitions
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from metering.wire import Outcome
from tests.metering.journal import make_event

pytestmark = pytest.mark.django_db(transaction=True)


def migrate(name):
    executor = MigrationExecutor(connection)
    executor.migrate(
        [("metering", name)] if name else executor.loader.graph.leaf_nodes()
    )


def test_warming_calls_there_and_back():
    prepare_usage_partitions(datetime(2026, 11, 21, tzinfo=UTC))
    store_usage_events([make_event(is_warming=True)])
    try:
        migrate("0007_lease_intervals")
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM usage_event")
            assert cursor.fetchone() == (1,)
    finally:
        migrate("")
    assert not UsageEvent.objects.filter(is_warming=True).exists()
    assert store_usage_events([make_event(is_warming=True)]) == 1


def test_the_charged_meter_there_and_back():
    prepare_usage_partitions(datetime(2026, 11, 21, tzinfo=UTC))
    store_usage_events([make_event(cost_nanos=55)])
    roll_up_usage()
    try:
        migrate("0011_lease_credits")
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*), sum(quantity) FROM usage_rollup")
            assert cursor.fetchone() == (4, 60 + 40 + 7 + 1)
    finally:
        migrate("")
    assert not UsageRollup.objects.filter(meter="charged_nanos").exists()
    roll_up_usage()  # the way forward has opened all hours
    assert UsageRollup.objects.get(meter="charged_nanos").quantity == 55


def test_images_tries_and_cost_there_and_back():
    prepare_usage_partitions(datetime(2026, 11, 21, tzinfo=UTC))
    store_usage_events([make_event(images=2), make_event(outcome=Outcome.UNBILLED)])
    roll_up_usage()
    try:
        migrate("0002_refuse_truncate")
        with connection.cursor() as cursor:
            cursor.execute("SELECT DISTINCT meter FROM usage_rollup ORDER BY 1")
            assert ("images",) not in cursor.fetchall()
            cursor.execute("SELECT count(*) FROM usage_event")
            assert cursor.fetchone() == (2,)
    finally:
        migrate("")
    assert {e.images for e in UsageEvent.objects.all()} == {0}
    assert store_usage_events([make_event(images=1)]) == 1
    assert not UsageRollup.objects.filter(meter="images").exists()


def test_coarse_rollups_are_filled_from_what_is_there():
    prepare_usage_partitions(datetime(2026, 11, 21, tzinfo=UTC))
    store_usage_events([make_event(endpoint="responses"), make_event()])
    roll_up_usage()
    try:
        migrate("0018_meters_of_money_known")
    finally:
        migrate("")
    (day,) = UsageDay.objects.all()
    assert (day.requests, day.cached_input_tokens, day.output_tokens) == (2, 80, 14)
    assert not UsageHour.objects.exists()
    roll_up_usage()  # the way forward has opened all hours
    assert UsageHour.objects.count() == 2
    assert UsageDay.objects.get().requests == 2
