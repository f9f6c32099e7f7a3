"""Months of `usage_event`, made before their first event comes."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from metering.models import UsageEvent
from metering.services.prepare_usage_partitions import prepare_usage_partitions
from metering.services.store_usage_events import store_usage_events
from tests.metering.journal import HOUR_US, make_event

pytestmark = pytest.mark.django_db

# Far from the months that a shipper run by another test may have made.
NOVEMBER_US = 1_951_300_800_000_000
NOVEMBER = datetime(2031, 11, 30, 23, 59, tzinfo=UTC)
# What metering/README.md tells the operator to do about events without a month.
GIVE_STRAYS_A_MONTH = """
    ALTER TABLE usage_event DETACH PARTITION usage_event_default;
    ALTER TABLE usage_event_default RENAME TO usage_event_strays;
    CREATE TABLE usage_event_default PARTITION OF usage_event DEFAULT;
    CREATE TABLE usage_event_2031_11 PARTITION OF usage_event
        FOR VALUES FROM ('2031-11-01T00:00Z') TO ('2031-12-01T00:00Z');
    INSERT INTO usage_event SELECT * FROM usage_event_strays;
    DROP TABLE usage_event_strays;
"""


def partitions():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits"
            " WHERE inhparent = 'usage_event'::regclass ORDER BY 1"
        )
        return [name for (name,) in cursor if name > "usage_event_2031"]


def rows_in(partition):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {partition}")  # noqa: S608  a constant
        return cursor.fetchone()[0]


def test_it_works(caplog):
    prepare_usage_partitions(NOVEMBER)

    assert partitions() == [
        "usage_event_2031_11",
        "usage_event_2031_12",
        "usage_event_2032_01",
        "usage_event_default",
    ]
    store_usage_events([make_event(happened_at_us=NOVEMBER_US)])
    assert rows_in("usage_event_2031_11") == 1
    assert not caplog.records


def test_a_month_begins_and_ends_in_utc():
    prepare_usage_partitions(NOVEMBER)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'Asia/Tokyo'")
    december_us = 1_953_849_600_000_000
    store_usage_events(
        [
            make_event(happened_at_us=december_us - 1),
            make_event(happened_at_us=december_us),
        ]
    )

    assert rows_in("usage_event_2031_11") == 1
    assert rows_in("usage_event_2031_12") == 1


def test_it_is_safe_twice():
    prepare_usage_partitions(NOVEMBER)
    prepare_usage_partitions(NOVEMBER + timedelta(days=1))

    assert "usage_event_2032_02" in partitions()


def test_it_reports_events_without_a_month_and_moves_nothing(caplog):
    store_usage_events(
        [
            make_event(happened_at_us=NOVEMBER_US),
            make_event(happened_at_us=NOVEMBER_US + HOUR_US),
        ]
    )

    prepare_usage_partitions(NOVEMBER)

    assert partitions() == [
        "usage_event_2031_12",
        "usage_event_2032_01",
        "usage_event_default",
    ]
    assert rows_in("usage_event_default") == 2
    assert "usage_event_2031_11 cannot be made" in caplog.text
    assert "usage_event_default holds 2 events" in caplog.text


def test_the_operators_way_out_gives_strays_their_month(caplog):
    store_usage_events([make_event(happened_at_us=NOVEMBER_US)])
    with connection.cursor() as cursor:
        cursor.execute(GIVE_STRAYS_A_MONTH)

    assert rows_in("usage_event_2031_11") == 1
    assert UsageEvent.objects.count() == 1
    prepare_usage_partitions(NOVEMBER)
    assert not caplog.records
    for made_by_hand in ("usage_event_2031_11", "usage_event_default"):
        with (
            pytest.raises(IntegrityError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"TRUNCATE {made_by_hand}")


def test_a_query_of_one_month_reads_no_other():
    prepare_usage_partitions(NOVEMBER)
    december = datetime(2031, 12, 1, tzinfo=UTC)
    january = datetime(2032, 1, 1, tzinfo=UTC)

    plan = UsageEvent.objects.of_tenant(1).between(december, january).explain()

    assert "usage_event_2031_12" in plan
    assert "usage_event_2031_11" not in plan
    assert "usage_event_2032_01" not in plan
