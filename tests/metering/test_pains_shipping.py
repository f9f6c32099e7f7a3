"""What went wrong elsewhere between a call and its row in the database."""

import shutil
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection

from metering.domain.usage import Meter
from metering.models import OpenHour, UsageEvent, UsageRollup
from metering.services.replay_segment import replay_segment
from metering.services.roll_up_usage import roll_up_usage
from metering.services.ship_journal import ship_journal
from metering.services.ship_until_stopped import ship_until_stopped
from metering.services.verify_journal import verify_journal
from tests.metering.journal import HOUR_US, NOON_US, make_event
from tests.metering.rollups import folded, rolled_up

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
WAIT_SECONDS = 30


def until(condition):
    give_up_at = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, "it did not come to pass"
        time.sleep(0.02)  # between two looks at the condition


def dial():
    """A session of somebody else's."""
    database = connection.settings_dict
    return psycopg.connect(
        host=database["HOST"],
        port=database["PORT"],
        dbname=database["NAME"],
        user=database["USER"],
        password=database["PASSWORD"],
    )


class Shipping:
    """The shipper's loop in a thread of this process."""

    def __init__(self, root):
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(root,))

    def _run(self, root):
        try:
            ship_until_stopped(root, wait=self._stopped.wait)
        finally:
            connection.close()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive()


def waiting_backends():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return [pid for (pid,) in cursor.fetchall()]


def lock_hour(session, hour_at):
    session.execute("SELECT FROM open_hour WHERE hour_at = %s FOR UPDATE", [hour_at])


@pytest.mark.django_db(transaction=True)
def test_a_deadlock_drops_no_event(root, journal, caplog):
    """A deadlock dropped spend without a word (litellm#6895, litellm#27989,
    litellm#11334). Here the shipper is the one that the database gives up, between two
    marks of one batch: it says so, comes back and ships each event once.
    """
    hours = [NOON, NOON.replace(hour=13)]
    OpenHour.objects.bulk_create(OpenHour(tenant_id=1, hour_at=at) for at in hours)
    events = [
        journal.append(make_event(happened_at_us=NOON_US + n % 2 * HOUR_US))
        for n in range(50)
    ]
    with dial() as rival, Shipping(root):
        rival.execute("SET deadlock_timeout = '60s'")  # so the shipper is given up
        lock_hour(rival, hours[1])
        until(waiting_backends)  # the shipper has marked the first hour
        lock_hour(rival, hours[0])  # granted once the shipper was rolled back
        until(lambda: "deadlock detected" in caplog.text)
        assert UsageEvent.objects.count() == 0
        rival.rollback()
        until(lambda: UsageEvent.objects.count() == len(events))

    assert "shipping again" in caplog.text
    roll_up_usage()
    assert rolled_up() == folded(events)
    assert verify_journal(root, now=NOON.replace(year=2030)).faults == []


@pytest.mark.django_db(transaction=True)
def test_killed_sessions_drop_no_event(root, journal):
    """The same for a database that ends the shipper's session in the middle of a batch
    (litellm#27989); a killed shipper process has its own test.
    """
    OpenHour.objects.create(tenant_id=1, hour_at=NOON)
    events = [journal.append(make_event()) for _ in range(20)]
    with dial() as rival, Shipping(root):
        for _ in range(3):
            lock_hour(rival, NOON)
            until(waiting_backends)
            with connection.cursor() as cursor:
                for pid in waiting_backends():
                    cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
            rival.rollback()
        until(lambda: UsageEvent.objects.count() == len(events))

    roll_up_usage()
    assert rolled_up() == folded(events)


@pytest.mark.django_db
def test_an_event_that_is_emitted_again_is_the_same_event(root, journal, tmp_path):
    """Each emission had a new id, and a call was billed four times (vexa#330). An event
    has the id of its request: repeated by its writer, shipped again from a restored
    segment and replayed by hand, it is one row and counts once.
    """
    event = journal.append(make_event())
    backup = tmp_path / journal.segment.path.name
    shutil.copy(journal.segment.path, backup)
    ship_journal(root)
    journal.append(event)  # its proxy did not learn that it was durable
    ship_journal(root)
    restored = root / "1" / backup.name
    restored.parent.mkdir()
    shutil.copy(backup, restored)
    ship_journal(root)
    replay_segment(backup)
    roll_up_usage()

    counts = Counter(UsageEvent.objects.values_list("event_id", flat=True))
    assert {event_id.hex: n for event_id, n in counts.items()} == {event.event_id: 1}
    assert UsageRollup.objects.get(meter=Meter.REQUESTS).quantity == 1
    assert UsageRollup.objects.get(meter=Meter.OUTPUT_TOKENS).quantity == 7
