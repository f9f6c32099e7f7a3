"""Extending and releasing a lease on its pages, on a running simulator."""

import time
from datetime import UTC, datetime
from uuid import UUID

import pytest

from inference.domain.lease_receipt import Fact
from inference.domain.lease_row import LeaseStatus
from inference.domain.lease_terms import GRACE_MS
from inference.models import Engine
from metering.models import UsageEvent
from tests.engine_contract.lease_engines import run_tiny_simulator
from tests.factories import make_spend_limit
from tests.frontend.believable import record
from tests.frontend.believable_leases import leased_call, told
from tests.inference.lease_books import receipt, tell
from tests.inference.live_leases import engine_row, held_by, kept, lease_of


@pytest.fixture
def running(tmp_path):
    with run_tiny_simulator(tmp_path) as running:
        yield running


@pytest.fixture
def lease(running, people, version, valkey, settings):
    """Held by the engine, written by the proxy, and told to the books."""
    settings.ENGINE_KEY = running.key
    engine = engine_row(running, served_model=version.served_model)
    row = lease_of(running, engine, people.api_key, valkey)
    now = datetime.now(UTC)
    event = leased_call(people.api_key, version, engine, now, lease_id=row.lease_id)
    record([event], now)
    tell(engine, told(1, event, now, bytes=row.bytes))
    return row


def path(lease, act):
    return f"/leases/{UUID(lease.lease_id)}/{act}/"


def choices(client, lease):
    """Their titles, by minutes."""
    form = client.get(path(lease, "extend")).context["form"]
    return dict(form.fields["minutes"].choices)


@pytest.mark.parametrize("name", ["owner", "colleague"])
def test_it_works(people, running, lease, valkey, name):
    client = people.client(name)
    asked = client.get(path(lease, "release"))
    assert "The meter stops at once" in asked.content.decode()
    assert held_by(running) == [lease.lease_id]

    response = client.post(path(lease, "release"), follow=True)

    assert "Released. The meter has stopped." in response.content.decode()
    assert held_by(running) == []
    assert kept(valkey, lease).status is LeaseStatus.RELEASED


def test_it_can_be_kept_longer(people, lease, valkey):
    owner = people.client("owner")
    assert list(choices(owner, lease)) == ["1", "5", "15", "60"]

    response = owner.post(path(lease, "extend"), {"minutes": "15"}, follow=True)

    assert "Extended." in response.content.decode()
    longer_ms = kept(valkey, lease).expires_at_ms - time.time_ns() // 1_000_000
    assert longer_ms == pytest.approx(15 * 60_000, abs=10_000)


def test_what_an_extension_adds_is_told_before(people, lease):
    title = choices(people.client("owner"), lease)["5"]
    # Four minutes more than it has, a few seconds later, at 13.5 nanos a MB_s.
    most = lease.bytes * 240 * 135 / 10 / 1e6
    told_usd = float(title.partition("at most $")[2].partition(" ")[0])
    assert told_usd * 1e9 == pytest.approx(most, rel=0.05)


def test_what_would_end_sooner_is_no_choice(people, lease):
    (engine,) = Engine.objects.filter(pk=lease.engine_id)
    event = UsageEvent.objects.get(lease_id=lease.lease_id)
    until_ms = time.time_ns() // 1_000_000 + 16 * 60_000
    told_again = receipt(
        2,
        Fact.RENEWED,
        lease_id=lease.lease_id,
        tenant_id=str(event.tenant_id),
        until_ms=until_ms + GRACE_MS,
    )
    tell(engine, told_again)

    assert list(choices(people.client("owner"), lease)) == ["60"]


def test_it_refuses_under_a_spend_limit(people, lease, valkey):
    make_spend_limit(subject=people.tenant)
    owner = people.client("owner")
    assert "cannot be extended" in owner.get(path(lease, "extend")).content.decode()

    response = owner.post(path(lease, "extend"), {"minutes": "15"}, follow=True)

    assert "cannot be extended" in response.content.decode()
    assert kept(valkey, lease) == lease


def test_it_refuses_another_time(people, lease, valkey):
    response = people.client("owner").post(path(lease, "extend"), {"minutes": "9999"})

    assert response.status_code == 422
    assert kept(valkey, lease) == lease


@pytest.mark.parametrize("act", ["extend", "release"])
def test_it_refuses_a_stranger(people, running, lease, act):
    response = people.client("stranger").post(path(lease, act), {"minutes": "15"})

    assert response.status_code == 404
    assert held_by(running) == [lease.lease_id]


@pytest.mark.parametrize("act", ["extend", "release"])
def test_it_says_so_when_the_engine_is_silent(people, lease, settings, valkey, act):
    settings.ENGINE_KEY = "another"

    response = people.client("owner").post(
        path(lease, act), {"minutes": "15"}, follow=True
    )

    assert "does not answer" in response.content.decode()
    assert kept(valkey, lease) == lease
