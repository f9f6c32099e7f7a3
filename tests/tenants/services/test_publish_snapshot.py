import threading
import time

import psycopg
import pytest
import redis
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from tenants.services import publish_snapshot as module
from tenants.services.publish_snapshot import publish_snapshot
from tests.parallel import in_parallel
from tests.published import published

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("valkey"),
]


def test_it_works(valkey, settings):
    before = timezone.now().timestamp()

    version = publish_snapshot("fruit", lambda: [{"name": "apple"}])

    snapshot = published(valkey, "fruit")
    assert snapshot.version == version
    assert snapshot.items == [{"name": "apple"}]
    assert before <= snapshot.issued_at <= timezone.now().timestamp()
    lifetime = snapshot.expires_at - snapshot.issued_at
    assert lifetime == pytest.approx(settings.SNAPSHOT_LIFETIME.total_seconds())


def test_versions_rise_across_kinds():
    versions = [
        publish_snapshot(kind, list) for kind in ("fruit", "trees", "fruit", "fruit")
    ]

    assert versions == sorted(set(versions))


def test_a_new_database_starts_above_its_predecessor():
    """Proxies keep their last copy on disk and never go back to a lower version."""
    earlier = publish_snapshot("fruit", list)
    with connection.cursor() as cursor:
        cursor.execute("ALTER SEQUENCE tenants_snapshot_version RESTART")

    assert publish_snapshot("fruit", list) > earlier


def test_a_clock_set_back_does_not_lower_the_version():
    far = 2**50
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('tenants_snapshot_version', %s)", [far])
    try:
        assert publish_snapshot("fruit", list) == far + 1
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER SEQUENCE tenants_snapshot_version RESTART")


def test_a_later_publication_waits_and_sees_what_an_earlier_one_saw(valkey):
    """The first reader is held inside the lock; the second must not read meanwhile."""
    first_reads, go_on = threading.Event(), threading.Event()
    order = []

    def read_first():
        order.append("first reads")
        first_reads.set()
        assert go_on.wait(10)
        order.append("first is done")
        return ["old"]

    def read_second():
        order.append("second reads")
        return ["new"]

    def publish_second():
        assert first_reads.wait(10)
        threading.Thread(target=_set_when_waiting, args=[go_on]).start()
        return publish_snapshot("fruit", read_second)

    first, second = in_parallel(
        lambda: publish_snapshot("fruit", read_first), publish_second
    )

    assert order == ["first reads", "first is done", "second reads"]
    assert first < second
    assert published(valkey, "fruit").items == ["new"]


def _set_when_waiting(event):
    """Sets `event` once PostgreSQL says that somebody waits for the lock."""
    deadline = time.monotonic() + 10
    settings = connection.get_connection_params()
    wanted = ("host", "port", "user", "password", "dbname")
    with psycopg.connect(**{key: settings[key] for key in wanted}) as watcher:
        while not watcher.execute(
            "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = database"
            " WHERE locktype = 'advisory' AND NOT granted"
            " AND datname = current_database()"
        ).fetchone():
            watcher.rollback()
            assert time.monotonic() < deadline
    event.set()


def test_many_at_once_leave_the_highest_version(valkey):
    versions = in_parallel(*[lambda: publish_snapshot("fruit", list)] * 8)

    assert len(set(versions)) == 8
    assert published(valkey, "fruit").version == max(versions)


def test_it_refuses_to_wait_for_ever(monkeypatch):
    monkeypatch.setattr(module, "_LOCK_TIMEOUT_MS", 50)
    held, done = threading.Event(), threading.Event()

    def hold():
        def wait():
            held.set()
            assert done.wait(10)
            return []

        return publish_snapshot("fruit", wait)

    def publish():
        assert held.wait(10)
        try:
            with pytest.raises(OperationalError, match="lock timeout"):
                publish_snapshot("fruit", list)
        finally:
            done.set()

    in_parallel(hold, publish)


def test_it_refuses_without_valkey_and_keeps_the_old_one(valkey, settings):
    publish_snapshot("fruit", lambda: ["old"])
    address = settings.VALKEY_URL
    settings.VALKEY_URL = "redis://127.0.0.1:1"

    with pytest.raises(redis.ConnectionError):
        publish_snapshot("fruit", lambda: ["new"])

    assert published(valkey, "fruit").items == ["old"]
    settings.VALKEY_URL = address
    publish_snapshot("fruit", lambda: ["new"])
    assert published(valkey, "fruit").items == ["new"]


def test_the_lock_timeout_ends_with_the_publication():
    publish_snapshot("fruit", list)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
