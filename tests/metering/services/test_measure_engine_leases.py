"""From a turn on an engine to what its lease costs: collected, measured, rolled up."""

import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from inference.domain.lease_terms import GRACE_MS
from inference.lease_models import Lease
from metering.lease_models import LeaseInterval
from metering.models import UsageRollup
from metering.services.measure_leases import measure_leases
from metering.services.prepare_usage_partitions import prepare_usage_partitions
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from tests.engine_contract.engines import wait_until
from tests.engine_contract.lease_engines import (
    Control,
    Conversation,
    run_tiny_simulator,
    some_tokens,
)
from tests.factories import make_engine
from tests.inference.lease_collector import collector
from tests.metering.journal import make_event

pytestmark = pytest.mark.django_db(transaction=True)


def bought(engine_id, lease_id, at_ms, *, ttl_ms):
    at_us = at_ms * 1000
    return make_event(
        engine_id=engine_id,
        lease_id=lease_id,
        received_at_us=at_us,
        happened_at_us=at_us,
        lease_expires_at_us=at_us + ttl_ms * 1000,
    )


def turn(engine, engine_id, *, ttl_ms):
    """A turn of tenant 1 as the proxy asks for it: its event, and its lease's id."""
    lease_id = uuid4().hex
    conversation = Conversation(engine, tenant_id="1", tokens=some_tokens(100))
    told = conversation.turn(lease_id=lease_id, ttl_ms=ttl_ms, grace_ms=GRACE_MS)
    assert told["fact"] == "granted"
    store_usage_events(
        [bought(engine_id, lease_id, time.time_ns() // 1_000_000, ttl_ms=ttl_ms)]
    )
    return lease_id


def test_it_works(tmp_path):
    prepare_usage_partitions(datetime.now(UTC))
    with run_tiny_simulator(tmp_path) as engine:
        row = make_engine(address=engine.socket)
        with collector():
            kept = turn(engine, row.pk, ttl_ms=100)
            released = turn(engine, row.pk, ttl_ms=60_000)
            Control(engine).call("DELETE", f"leases/{released}", tenant_id="1")
            wait_until(lambda: Lease.objects.unmeasured().count() == 2, seconds=60)

    assert measure_leases(now=datetime.now(UTC)) == 2
    while roll_up_usage():
        pass

    expired = LeaseInterval.objects.get(lease_id=kept)
    # The engine held it through the grace; sold was a tenth of a second.
    assert (expired.ended_at - expired.started_at).total_seconds() == 0.1
    early = Lease.objects.get(lease_id=released)
    interval = LeaseInterval.objects.get(lease_id=released)
    assert early.ended_ms is not None
    held_ms = early.ended_ms - early.granted_ms
    assert (interval.ended_at - interval.started_at).total_seconds() * 1000 == held_ms
    assert interval.mb_s == early.bytes * held_ms // 10**9
    shown = UsageRollup.objects.filter(meter="hbm_mb_s")
    assert sum(one.quantity for one in shown) == expired.mb_s + interval.mb_s
