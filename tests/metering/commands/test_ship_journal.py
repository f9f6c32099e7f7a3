"""The shipper as a process, killed at any moment."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from psycopg import sql

from metering import wire
from metering.models import UsageEvent
from metering.services.roll_up_usage import roll_up_usage
from metering.services.ship_journal import ship_journal
from tests.metering.journal import Journal, encode, make_event
from tests.metering.rollups import folded, rolled_up

pytestmark = pytest.mark.django_db(transaction=True)

WAIT_SECONDS = 30
KILLS = 12


def database_url():
    database = connection.settings_dict
    return (
        f"postgres://{database['USER']}:{database['PASSWORD']}"
        f"@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    )


def said(root):
    """What the shippers of `root` wrote to stderr."""
    return (root.parent / "stderr").read_text()


@contextlib.contextmanager
def shipper(root, **environment):
    """A running `manage.py ship_journal`; killed at the end if it still runs."""
    with (root.parent / "stderr").open("a") as stderr:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "ship_journal"],
            env={
                **os.environ,
                "TOKENFAB_HOME": str(root.parent),
                "DATABASE_URL": database_url(),
                "DJANGO_SETTINGS_MODULE": "config.settings",
                **environment,
            },
            stderr=stderr,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(WAIT_SECONDS)


def wait_until(condition):
    give_up_at = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, "it did not come to pass"
        time.sleep(0.02)  # between two looks at the condition


@pytest.fixture
def home_journal(monkeypatch, root):
    monkeypatch.setattr(settings, "JOURNAL_FOLDER", root)


def test_it_works(root, journal):
    with shipper(root) as process:
        for count in (1, 2):
            journal.append(make_event())
            wait_until(lambda count=count: UsageEvent.objects.count() == count)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0
    assert said(root) == ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM usage_event_default")
        assert cursor.fetchone() == (0,), "the shipper had not made this month"


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_the_midst_of_work(root, stop):
    journal = Journal(root / "0", segment_bytes=4 * 1024 * 1024)
    for _ in range(8000):
        journal.append(make_event())
    with shipper(root) as process:
        wait_until(UsageEvent.objects.exists)
        process.send_signal(stop)
        assert process.wait(5) == 0
    ship_journal(root)
    assert UsageEvent.objects.count() == 8000
    journal.close()


@contextlib.contextmanager
def no_new_connections():
    """To our database, from anybody; the ones that are open go on."""
    server, _, name = database_url().rpartition("/")
    allow = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format
    with psycopg.connect(f"{server}/postgres", autocommit=True) as elsewhere:
        elsewhere.execute(allow(sql.Identifier(name), sql.SQL("false")))
        try:
            yield
        finally:
            elsewhere.execute(allow(sql.Identifier(name), sql.SQL("true")))


def test_it_waits_for_postgresql(root, journal):
    journal.append(make_event())
    with contextlib.ExitStack() as stack:
        with no_new_connections():
            process = stack.enter_context(shipper(root))
            wait_until(lambda: "shipping again in 0.5 s" in said(root))
        wait_until(UsageEvent.objects.exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_SECONDS) == 0


def test_it_stops_at_once_while_postgresql_is_away(root):
    with no_new_connections(), shipper(root) as process:
        wait_until(lambda: said(root))  # the first complaint, whoever has it
        process.send_signal(signal.SIGTERM)
        assert process.wait(2) == 0


@pytest.mark.slow
def test_each_event_arrives_once_though_the_shipper_is_killed(root):
    """Slow: starts the real process a dozen times."""
    chance = random.Random(20261121)  # noqa: S311  chance, not a secret
    journals = [Journal(root / str(n), segment_bytes=32 * 1024) for n in range(2)]
    events: list[wire.UsageEvent] = []
    is_over = threading.Event()

    def write():
        while not is_over.wait(0.001):
            for journal in journals:
                events.extend(journal.append(make_event()) for _ in range(5))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(KILLS):
            shipped = UsageEvent.objects.count()
            with shipper(root) as process:
                wait_until(lambda before=shipped: UsageEvent.objects.count() > before)
                time.sleep(chance.uniform(0, 0.3))  # the moment is the test's subject
                process.kill()
    finally:
        is_over.set()
        writer.join(WAIT_SECONDS)
    ship_journal(root)
    while roll_up_usage():
        pass

    print(f"{len(events)} events, {KILLS} kills")  # noqa: T201
    assert UsageEvent.objects.count() == len(events)
    stored = UsageEvent.objects.values_list("event_id", flat=True)
    assert {i.hex for i in stored} == {e.event_id for e in events}
    assert rolled_up() == folded(events)
    for journal in journals:
        assert [p.name for p in journal.folder.iterdir()] == [journal.segment.path.name]
        journal.close()


@pytest.mark.usefixtures("home_journal")
def test_once_ships_what_is_there(journal, capsys):
    for _ in range(3):
        journal.append(make_event())
        journal.rotate()

    call_command("ship_journal", "--once")

    assert "3 usage events shipped" in capsys.readouterr().out
    assert UsageEvent.objects.count() == 3


@pytest.mark.usefixtures("home_journal")
def test_once_refuses_to_hide_a_blocked_segment(journal):
    journal.append_payload(encode(make_event(schema=99)))

    with pytest.raises(CommandError, match="schema 99"):
        call_command("ship_journal", "--once")
