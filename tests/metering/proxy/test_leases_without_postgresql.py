"""PostgreSQL stops while conversations are leased: they go on being sold and honoured,
and the books catch up, with nothing lost and nothing twice.
"""

import os
from itertools import pairwise

import pytest

from tests.fresh_database import migrate
from tests.inference.lease_collector import collector
from tests.metering.proxy.conftest import ENGINE_KEY, until
from tests.metering.proxy.talk import Talk
from tests.own_postgres import own_postgres
from tests.running import run_manage

TURNS = 6
_OPEN = """
from tests.factories import make_engine
make_engine(address="unix:{socket}")
"""
_MEASURE = """
from django.utils import timezone
from metering.services.measure_leases import measure_leases
print(measure_leases(now=timezone.now()))
"""


@pytest.fixture
def books(tmp_path):
    with own_postgres(tmp_path / "own") as server:
        migrate(server.url)
        yield server


@pytest.fixture
def manage(books, bare_plane):
    """A command of the control plane; what it printed."""

    def run(*arguments):
        environment = os.environ | {
            "DATABASE_URL": books.url,
            "TOKENFAB_HOME": str(bare_plane.home),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        done = run_manage(*arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow("starts, stops and starts a PostgreSQL of its own: 20 seconds")
def test_it_works(bare_plane, books, manage):
    plane = bare_plane
    socket = plane.start_engine()
    plane.start_proxy()
    plane.begin_test()
    manage("shell", "--no-imports", "-c", _OPEN.format(socket=socket))
    talk = Talk(plane)

    with collector(database_url=books.url, engine_key=ENGINE_KEY):
        told = [talk.turn("Begin.")["kv_lease"]]
        until(lambda: books.ask("SELECT FROM lease"), 60)
        books.stop()
        told += [talk.turn(f"Turn {n}.")["kv_lease"] for n in range(1, TURNS)]
        headers = {"authorization": f"Bearer {talk.secret}"}
        answer = plane.client.delete(f"/v1/kv_leases/{talk.lease}", headers=headers)
        assert answer.json()["status"] == "released"
        books.start()
        is_over = "SELECT FROM lease WHERE state = 'released'"
        until(lambda: books.ask(is_over), 60)

    assert [one["status"] for one in told] == ["granted"] * TURNS
    for before, after in pairwise(told):
        assert after["previous"]["leased_tokens"] == before["tokens"]
    [numbers] = books.ask("SELECT array_agg(sequence ORDER BY id) FROM lease_receipt")
    assert numbers == (list(range(1, 2 * TURNS + 1)),)

    manage("ship_journal", "--once")
    assert manage("shell", "--no-imports", "-c", _MEASURE).split() == [str(TURNS)]
    measured = books.ask("SELECT lease_id::text FROM lease_interval")
    assert len(measured) == TURNS
    ids = {f"kvl_{lease_id.replace('-', '')}" for (lease_id,) in measured}
    assert ids == {one["id"] for one in told}
