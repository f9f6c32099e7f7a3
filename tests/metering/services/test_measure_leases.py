"""Leases that ended, into intervals and rollups."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from inference.domain.lease_receipt import Fact
from inference.domain.lease_terms import Tier
from inference.lease_models import Lease
from inference.services.lose_leases import ENGINE_BEGAN_ANEW
from metering.lease_models import LeaseInterval
from metering.models import OpenHour, UsageRollup
from metering.services.measure_leases import measure_leases
from metering.services.rebuild_rollups import rebuild_rollups
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from metering.wire import Outcome
from tests.factories import make_engine
from tests.inference.lease_books import BYTES, EPOCH, NOW_MS, new_id, receipt, tell
from tests.metering.journal import NOON_US
from tests.metering.leases import MB_S, leased_event, story
from tests.metering.rollups import folded_with_leases, rolled_up

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def engine():
    return make_engine()


def on_meters():
    rows = UsageRollup.objects.filter(meter__in=["hbm_mb_s", "host_mb_s"])
    return {row.meter: (row.quantity, row.event_count) for row in rows}


def test_it_works(engine):
    lease_id = new_id()
    event = leased_event(lease_id, engine=engine, price_version_id=7)
    store_usage_events([event])
    tell(engine, *story(lease_id))

    assert measure_leases(now=LATER) == 1

    row = LeaseInterval.objects.get()
    assert (row.tenant_id, row.project_id, row.api_key_id) == (1, 10, 100)
    assert (row.model, row.price_version_id) == (event.model, 7)
    assert (row.event_id, row.lease_id) == (UUID(event.event_id), UUID(lease_id))
    assert (row.engine_id, row.epoch, row.tier) == (engine.pk, EPOCH, "hbm")
    assert (row.started_at, row.ended_at) == (NOON, NOON + timedelta(seconds=10))
    assert (row.first_sequence, row.last_sequence) == (1, 2)
    assert (row.bytes, row.mb_s) == (BYTES, BYTES // 10**5)
    roll_up_usage()
    assert on_meters() == {"hbm_mb_s": (BYTES // 10**5, 1)}


def test_it_counts_to_the_hour_of_its_end(engine):
    lease_id = new_id()
    hours = 3
    store_usage_events([leased_event(lease_id, engine=engine, seconds=hours * 3600)])
    seconds = hours * 3600
    tell(
        engine,
        *story(lease_id, held_ms=seconds * 1000, fact=Fact.EXPIRED, seconds=seconds),
    )
    measure_leases(now=LATER)
    roll_up_usage()

    row = UsageRollup.objects.get(meter="hbm_mb_s")
    assert row.hour_at == NOON + timedelta(hours=hours)
    assert row.quantity == BYTES * seconds // 10**6


def test_each_tier_has_its_meter(engine):
    lease_id = new_id()
    store_usage_events([leased_event(lease_id, engine=engine)])
    begin, end = story(lease_id, held_ms=10_000)
    down = receipt(
        2, Fact.DEMOTED, lease_id=lease_id, tier=Tier.HOST, at_ms=NOW_MS + 4_000
    )
    tell(engine, begin, down, receipt_after(end, tier=Tier.HOST))
    measure_leases(now=LATER)
    roll_up_usage()

    assert on_meters() == {
        "hbm_mb_s": (BYTES * 4 // 10**6, 1),
        "host_mb_s": (BYTES * 6 // 10**6, 1),
    }


def receipt_after(end, **changes):
    return receipt(3, end.fact, lease_id=end.lease_id, at_ms=end.at_ms, **changes)


def test_a_lease_waits_for_its_event(engine):
    lease_id = new_id()
    tell(engine, *story(lease_id))
    assert measure_leases(now=LATER) == 0

    store_usage_events([leased_event(lease_id, engine=engine)])

    assert measure_leases(now=LATER) == 1
    assert LeaseInterval.objects.get().mb_s == BYTES // 10**5


def test_an_event_waits_for_the_end_of_its_lease(engine):
    lease_id = new_id()
    store_usage_events([leased_event(lease_id, engine=engine)])
    begin, end = story(lease_id)
    tell(engine, begin)
    assert measure_leases(now=LATER) == 0

    tell(engine, end)

    assert measure_leases(now=LATER) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": Outcome.UNBILLED},
        {"engine_id": 2**40},
        {"lease_id": "0" * 32},
    ],
)
def test_a_lease_that_nobody_bought_is_not_charged(engine, changes):
    lease_id = new_id()
    event = leased_event(lease_id, engine=engine)
    store_usage_events([msgspec.structs.replace(event, **changes)])
    tell(engine, *story(lease_id))

    assert measure_leases(now=LATER) == 0
    assert not LeaseInterval.objects.exists()


def test_a_lease_of_another_tenant_is_not_charged(engine):
    lease_id = new_id()
    store_usage_events([leased_event(lease_id, engine=engine, tenant_id=2)])
    tell(engine, *story(lease_id, tenant_id=1))

    assert measure_leases(now=LATER) == 1
    assert not LeaseInterval.objects.exists()


def test_a_lease_without_a_sold_end_is_not_charged(engine):
    lease_id = new_id()
    event = leased_event(lease_id, engine=engine, seconds=-NOON_US // 10**6)
    store_usage_events([event])
    tell(engine, *story(lease_id))

    assert measure_leases(now=LATER) == 1
    assert not LeaseInterval.objects.exists()


def test_it_gives_up_a_lease_whose_event_never_comes(engine):
    lease_id = new_id()
    tell(engine, *story(lease_id))
    store_usage_events([leased_event(lease_id, engine=engine)])

    assert measure_leases(now=NOON + 36 * DAY) == 0
    assert measure_leases(now=NOON + 34 * DAY) == 1


def test_a_lost_engine_is_credited_up_to_when_it_was_last_heard_of(engine):
    lease_id = new_id()
    store_usage_events([leased_event(lease_id, engine=engine)])
    tell(engine, story(lease_id)[0], asked_ms=NOW_MS + 6_000)
    tell(engine, epoch="epoch-2", asked_ms=NOW_MS + 60_000)

    assert measure_leases(now=LATER) == 1
    row = LeaseInterval.objects.get()
    assert row.ended_at == NOON + timedelta(seconds=6)
    assert row.credit_reason == ENGINE_BEGAN_ANEW
    roll_up_usage()
    assert on_meters() == {}


def test_measured_twice_it_is_charged_once(engine):
    lease_id = new_id()
    store_usage_events([leased_event(lease_id, engine=engine)])
    tell(engine, *story(lease_id))
    measure_leases(now=LATER)
    Lease.objects.update(is_measured=False)

    assert measure_leases(now=LATER) == 1
    roll_up_usage()

    assert on_meters() == {"hbm_mb_s": (BYTES // 10**5, 1)}


def test_in_batches_it_is_the_same(engine):
    ids = [new_id() for _ in range(5)]
    store_usage_events([leased_event(one, engine=engine) for one in ids])
    receipts = [
        each for n, one in enumerate(ids) for each in story(one, first=2 * n + 1)
    ]
    tell(engine, *receipts)

    assert measure_leases(now=LATER, leases_max=3) == 3
    assert measure_leases(now=LATER, leases_max=3) == 2
    roll_up_usage()
    assert on_meters() == {"hbm_mb_s": (5 * (BYTES // 10**5), 5)}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lease_interval SET mb_s = 0",
        "DELETE FROM lease_interval",
        "TRUNCATE lease_interval",
    ],
)
def test_it_refuses_to_change_what_was_measured(engine, statement):
    test_it_works(engine)

    with (
        pytest.raises(IntegrityError, match="lease intervals are kept"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


ACTS = st.sampled_from(["event", "receipts", "measure", "roll up", "again", "rebuild"])
LEASES = st.lists(
    st.tuples(
        st.integers(0, 20_000),
        st.sampled_from([Fact.REUSED, Fact.EXPIRED, Fact.LOST]),
        st.integers(1, 2),
    ),
    max_size=5,
)


class MeasuringTest(TestCase):
    @settings(max_examples=40, deadline=None)
    @given(leases=LEASES, acts=st.lists(ACTS, max_size=30), seed=st.integers())
    def test_whatever_comes_first_the_books_end_the_same(self, leases, acts, seed):
        engine = make_engine()
        ids = [new_id() for _ in leases]
        events = [
            leased_event(one, engine=engine, tenant_id=tenant)
            for one, (_, _, tenant) in zip(ids, leases, strict=True)
        ]
        receipts = [
            each
            for n, (one, (held_ms, fact, tenant)) in enumerate(
                zip(ids, leases, strict=True)
            )
            for each in story(
                one, first=2 * n + 1, held_ms=held_ms, fact=fact, tenant_id=tenant
            )
        ]
        waiting = random.Random(seed).sample(events, len(events))  # noqa: S311
        left = list(receipts)
        for act in acts:
            if act == "event" and waiting:
                store_usage_events([waiting.pop()])
            elif act == "receipts" and left:
                tell(engine, left.pop(0))
            elif act == "measure":
                measure_leases(now=LATER)
            elif act == "roll up":
                roll_up_usage()
            elif act == "again":
                Lease.objects.update(is_measured=False)
            elif act == "rebuild":
                rebuild_rollups(start=NOON - DAY, end=NOON + DAY)
        store_usage_events(waiting)
        if left:
            tell(engine, *left)
        measure_leases(now=LATER)
        while roll_up_usage():
            pass

        expected = folded_with_leases(events)
        assert rolled_up() == expected
        assert not OpenHour.objects.exists()
        charged = [min(held_ms, 15_000) for held_ms, _, _ in leases]
        spans = [
            (row.ended_at - row.started_at) // timedelta(milliseconds=1)
            for row in LeaseInterval.objects.all()
        ]
        assert sorted(spans) == sorted(one for one in charged if one)
        assert all(row.mb_s <= MB_S for row in LeaseInterval.objects.all())
        rebuild_rollups(start=NOON - DAY, end=NOON + DAY)
        assert rolled_up() == expected
