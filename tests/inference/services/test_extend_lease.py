"""Keeping a lease longer, on a running simulator."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from inference.domain.lease_row import LeaseStatus
from inference.errors import (
    LeaseEndedError,
    LeaseNotExtendedError,
    LeaseNotFoundError,
)
from inference.services import extend_lease as act
from inference.services.extend_lease import extend_lease
from inference.services.lease_rows import milliseconds
from tests.engine_contract.lease_engines import Control, run_tiny_simulator
from tests.factories import make_api_key, make_spend_limit
from tests.inference.live_leases import TTL_MS, engine_row, keep, kept, lease_of

LONGER = timedelta(minutes=10)


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


@pytest.fixture
def extend(lease, api_key):
    def act(**changes):
        given = {"api_key": api_key, "lease_id": UUID(lease.lease_id), "ttl": LONGER}
        return extend_lease(**{**given, "now": datetime.now(UTC), **changes})

    return act


def test_it_works(running, lease, extend, valkey):
    now = datetime.now(UTC)

    longer = extend(now=now)

    assert longer.expires_at_ms == milliseconds(now + LONGER)
    assert kept(valkey, lease) == longer
    (held,) = Control(running).leases()
    assert held["until_ms"] >= longer.expires_at_ms


def test_it_never_shortens(lease, extend):
    assert extend(ttl=timedelta(seconds=1)).expires_at_ms == lease.expires_at_ms


@pytest.mark.parametrize("whose", ["tenant", "project", "api_key"])
def test_it_refuses_under_a_spend_limit(lease, extend, valkey, api_key, whose):
    make_spend_limit(subject={"api_key": api_key}.get(whose) or getattr(api_key, whose))

    with pytest.raises(LeaseNotExtendedError):
        extend()

    assert kept(valkey, lease) == lease


def test_it_refuses_a_prepaid_tenant(extend, api_key):
    api_key.tenant.is_prepaid = True

    with pytest.raises(LeaseNotExtendedError):
        extend()


def test_the_spend_limit_of_another_key_does_not_matter(lease, extend, api_key):
    other, _ = make_api_key(project=api_key.project)
    make_spend_limit(subject=other)

    assert extend().expires_at_ms > lease.expires_at_ms


def test_it_refuses_another_tenant_and_another_project(lease, extend, api_key):
    with pytest.raises(LeaseNotFoundError):
        extend(api_key=make_api_key()[0])
    api_key.project_id += 1
    with pytest.raises(LeaseNotFoundError):
        extend(api_key=api_key)
    assert lease.tenant_id == api_key.tenant_id


def test_it_refuses_one_that_has_ended(extend):
    late = datetime.now(UTC) + timedelta(milliseconds=TTL_MS, seconds=1)

    with pytest.raises(LeaseEndedError):
        extend(now=late)


def test_it_refuses_one_that_the_engine_has_lost(lease, extend, valkey):
    gone = msgspec.structs.replace(lease, lease_id=uuid4().hex)
    keep(valkey, gone)

    with pytest.raises(LeaseEndedError):
        extend(lease_id=UUID(gone.lease_id))

    assert kept(valkey, gone).status is LeaseStatus.LOST


def test_it_refuses_when_a_turn_comes_between(lease, extend, valkey, monkeypatch):
    reused = lease.ended(LeaseStatus.REUSED, at_ms=1)

    def ask_and_be_late(*_):
        keep(valkey, reused)
        return True

    # The race cannot be provoked from outside: it lies between two calls of ours.
    monkeypatch.setattr(act, "ask_holder", ask_and_be_late)

    with pytest.raises(LeaseEndedError):
        extend()
    assert kept(valkey, lease) == reused
