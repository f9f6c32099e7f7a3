"""What engines say of leases reaches the tenants that asked, once and in order."""

import json
from datetime import UTC, datetime

import pytest

from billing.models.webhooks import WebhookMessage
from billing.services.webhooks.tell_lease_events import tell_lease_events
from inference.lease_models import LeaseReceipt
from tests.billing.webhooks import make_endpoint
from tests.factories import make_engine, make_tenant

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT_MS = int(NOW.timestamp() * 1000)


@pytest.fixture
def engine(db):
    """One that was looked at once: what comes from now on is told."""
    del db
    engine = make_engine()
    tell_lease_events(now=NOW)
    return engine


def say(engine, tenant, fact="granted", *, sequence=1):
    LeaseReceipt.objects.create(
        engine=engine,
        epoch="one",
        sequence=sequence,
        fact=fact,
        lease_id="a" * 32,
        tenant_id=str(tenant.pk),
        tier="hbm",
        tokens=144,
        bytes=9_000_000,
        at_ms=AT_MS,
        until_ms=AT_MS + 15_000,
    )


def told():
    return list(WebhookMessage.objects.order_by("pk").values_list("type", flat=True))


def test_it_works(engine, tenant):
    make_endpoint(tenant)
    say(engine, tenant)
    say(engine, tenant, "demoted", sequence=2)
    say(engine, tenant, "revoked", sequence=3)
    assert tell_lease_events(now=NOW) == 3
    assert tell_lease_events(now=NOW) == 0
    assert told() == ["kv_lease.granted", "kv_lease.revoked"]
    payload = json.loads(WebhookMessage.objects.earliest("pk").payload)
    assert payload["data"] == {
        "id": "kvl_" + "a" * 32,
        "tier": "hbm",
        "tokens": 144,
        "bytes": 9_000_000,
        "happened_at": "2026-11-21T12:00:00Z",
        "reason": None,
    }


def test_only_who_asks_is_told(engine, tenant):
    make_endpoint(tenant, types=["kv_lease.lost"])
    make_endpoint(make_tenant(), types=["invoice.issued"])
    other = make_tenant()
    say(engine, tenant, "lost")
    say(engine, other, "lost", sequence=2)
    say(engine, tenant, "granted", sequence=3)
    tell_lease_events(now=NOW)
    assert told() == ["kv_lease.lost"]
    assert WebhookMessage.objects.get().tenant == tenant


def test_nothing_of_before_is_told(engine, tenant):
    say(engine, tenant)
    tell_lease_events(now=NOW)
    make_endpoint(tenant)
    tell_lease_events(now=NOW)
    say(engine, tenant, sequence=2)
    tell_lease_events(now=NOW)
    assert told() == ["kv_lease.granted"]


def test_a_new_engine_begins_with_what_comes(tenant):
    make_endpoint(tenant)
    engine = make_engine()
    say(engine, tenant)
    tell_lease_events(now=NOW)
    assert told() == []
