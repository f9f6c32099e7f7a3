"""Giving a lease back, on a running simulator."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from inference.domain.lease_row import LeaseStatus
from inference.errors import LeaseNotFoundError, LeasesUnavailableError
from inference.services import release_lease as act
from inference.services.release_lease import release_lease
from tests.engine_contract.lease_engines import run_tiny_simulator
from tests.factories import make_api_key
from tests.inference.live_leases import engine_row, held_by, keep, kept, lease_of


@pytest.fixture
def running(tmp_path):
    with run_tiny_simulator(tmp_path) as running:
        yield running


@pytest.fixture
def api_key(db):  # noqa: ARG001  opens the database
    return make_api_key()[0]


@pytest.fixture
def lease(running, api_key, valkey, settings):
    settings.ENGINE_KEY = running.key
    return lease_of(running, engine_row(running), api_key, valkey)


def release(lease, **changes):
    given = {"tenant_id": lease.tenant_id, "lease_id": UUID(lease.lease_id)}
    return release_lease(**{**given, "now": datetime.now(UTC), **changes})


def test_it_works(running, lease, valkey):
    assert held_by(running) == [lease.lease_id]

    released = release(lease)

    assert held_by(running) == []
    assert released.status is LeaseStatus.RELEASED
    assert kept(valkey, lease) == released


def test_twice_is_once(lease):
    released = release(lease)

    assert release(lease, now=datetime.now(UTC) + timedelta(seconds=9)) == released


def test_one_that_the_engine_has_lost_counts_as_released(lease, api_key, valkey):
    gone = msgspec.structs.replace(lease, lease_id=uuid4().hex)
    keep(valkey, gone)

    assert release(gone).status is LeaseStatus.RELEASED
    assert api_key.tenant_id == kept(valkey, gone).tenant_id


def test_a_turn_that_comes_between_keeps_its_word(lease, valkey, monkeypatch):
    reused = lease.ended(LeaseStatus.REUSED, at_ms=1)

    def ask_and_be_late(*_):
        keep(valkey, reused)

    # The race cannot be provoked from outside: it lies between two calls of ours.
    monkeypatch.setattr(act, "ask_holder", ask_and_be_late)

    assert release(lease) == kept(valkey, lease) == reused


@pytest.mark.parametrize("changes", [{"tenant_id": 0}, {"lease_id": uuid4()}])
def test_it_refuses_what_is_not_there(running, lease, changes):
    with pytest.raises(LeaseNotFoundError):
        release(lease, **changes)

    assert held_by(running) == [lease.lease_id]


def test_it_refuses_while_the_engine_is_silent(lease, valkey, settings):
    settings.ENGINE_KEY = "another"

    with pytest.raises(LeasesUnavailableError, match="does not answer"):
        release(lease)

    assert kept(valkey, lease) == lease


def test_it_refuses_without_the_engine(lease, valkey):
    gone = msgspec.structs.replace(lease, engine_id=lease.engine_id + 1)
    keep(valkey, gone)

    with pytest.raises(LeasesUnavailableError, match="is gone"):
        release(gone)


def test_it_refuses_without_valkey(lease, settings):
    settings.VALKEY_URL = "redis://127.0.0.1:1"

    with pytest.raises(LeasesUnavailableError, match="looked up"):
        release(lease)
