"""Shippers and roll-ups at the same time, each in transactions of its own."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction

from metering.models import JournalCursor, OpenHour, UsageEvent, UsageRollup
from metering.services.roll_up_usage import roll_up_usage
from metering.services.ship_journal import ship_folder, ship_journal
from metering.services.store_usage_events import store_usage_events
from tests.metering.journal import HOUR_US, NOON_US, Journal, make_event
from tests.metering.rollups import folded, rolled_up

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
WAIT_SECONDS = 30


def in_thread(act):
    """Runs `act` and closes the thread's connection, which nobody else would."""

    def run():
        try:
            return act()
        finally:
            connection.close()

    return run


def someone_waits_for_us():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted"
            " AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        )
        return cursor.fetchone()[0] > 0


def wait_until_waiting(backends):
    """Until so many others wait for a lock in our database."""
    give_up_at = time.monotonic() + WAIT_SECONDS
    with connection.cursor() as cursor:
        while time.monotonic() < give_up_at:
            # Within a transaction the activity would stay as it was first seen.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0] == backends:
                return
    message = f"there were never {backends} that waited"
    raise AssertionError(message)


def test_two_shippers_of_one_folder_store_each_event_once(root):
    journal = Journal(root / "0", segment_bytes=16 * 1024)
    events = [journal.append(make_event()) for _ in range(1000)]
    start = threading.Barrier(4)

    def ship():
        start.wait(WAIT_SECONDS)
        return ship_folder(root / "0")

    with ThreadPoolExecutor(4) as pool:
        shipments = list(pool.map(lambda _: in_thread(ship)(), range(4)))

    assert sum(shipment.events for shipment in shipments) == len(events)
    assert not any(shipment.blocked for shipment in shipments)
    assert UsageEvent.objects.count() == len(events)
    assert ship_folder(root / "0").events == 0
    assert [c.segment for c in JournalCursor.objects.all()] == [
        journal.segment.path.name
    ]
    journal.close()


def test_an_event_stored_while_its_hour_is_rolled_up_opens_it_again():
    first, second = make_event(), make_event()
    store_usage_events([first])
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            roll_up_usage()  # its transaction is this one, still open
            shipping = pool.submit(in_thread(lambda: store_usage_events([second])))
            give_up_at = time.monotonic() + WAIT_SECONDS
            while not someone_waits_for_us():
                assert not shipping.done()
                assert time.monotonic() < give_up_at
        assert shipping.result(WAIT_SECONDS) == 1
    assert OpenHour.objects.count() == 1
    roll_up_usage()
    assert rolled_up() == folded([first, second])


def test_a_roll_up_passes_over_an_hour_that_is_being_stored():
    store_usage_events([make_event()])
    with transaction.atomic():
        store_usage_events([make_event()])
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(in_thread(roll_up_usage)).result(WAIT_SECONDS) == 0
    assert roll_up_usage() == 1
    assert UsageRollup.objects.get(meter="requests").quantity == 2


def test_roll_ups_come_to_the_tenants_in_one_order():
    """Billing locks a tenant's month when its rollups change. The marks are such that
    the first roll-up gets (1, 2) and the second (2, 1) of the tenants; the first is
    held up between the two.
    """
    noon, one = NOON_US, NOON_US + HOUR_US
    marks = [(1, noon), (2, noon), (2, one), (1, one)]
    events = [
        make_event(tenant_id=tenant, happened_at_us=at)
        for _ in "12"
        for tenant, at in marks
    ]
    store_usage_events(events[:4])
    roll_up_usage()
    for event in events[4:]:
        store_usage_events([event])
    ids = OpenHour.objects.order_by("id").values_list("tenant_id", flat=True)
    assert list(ids) == [1, 2, 2, 1]

    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            held = UsageRollup.objects.select_for_update().filter(tenant_id=2)
            assert list(held.filter(hour_at=NOON))
            first = pool.submit(in_thread(lambda: roll_up_usage(hours_max=2)))
            wait_until_waiting(1)
            second = pool.submit(in_thread(lambda: roll_up_usage(hours_max=2)))
            wait_until_waiting(2)
        assert [first.result(WAIT_SECONDS), second.result(WAIT_SECONDS)] == [2, 2]
    assert rolled_up() == folded(events)


def test_shipping_and_rolling_up_at_once_ends_with_the_fold(root):
    journals = [Journal(root / str(n), segment_bytes=16 * 1024) for n in range(2)]
    events = [
        journals[n % 2].append(
            make_event(
                tenant_id=n % 3,
                input_tokens=100 + n,
                happened_at_us=NOON_US + n % 5 * HOUR_US,
            )
        )
        for n in range(3000)
    ]
    has_shipped = threading.Event()

    def roll_up_until_shipped():
        while not has_shipped.is_set():
            roll_up_usage()

    with ThreadPoolExecutor(4) as pool:
        rolling = [pool.submit(in_thread(roll_up_until_shipped)) for _ in range(2)]
        shipping = [
            pool.submit(in_thread(lambda: ship_journal(root))) for _ in range(2)
        ]
        wait(shipping, WAIT_SECONDS)
        has_shipped.set()
    assert sum(future.result().events for future in shipping) == len(events)
    for future in rolling:
        future.result()
    roll_up_usage()

    assert rolled_up() == folded(events)
    for journal in journals:
        journal.close()
