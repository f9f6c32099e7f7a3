"""Old receipts go, but for those of leases that are not over for as long."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from inference.domain.lease_receipt import Fact
from inference.lease_models import RECEIPTS_KEPT, Lease, LeaseReceipt
from inference.services import forget_lease_receipts as service
from inference.services.follow_leases import follow_leases
from inference.services.forget_lease_receipts import forget_lease_receipts
from tests.factories import make_engine
from tests.inference.lease_books import EPOCH, new_id

pytestmark = pytest.mark.django_db

NOW = datetime.now(UTC)
"""The database asks its own clock."""
LONG_AGO = NOW - RECEIPTS_KEPT - timedelta(minutes=2)


@pytest.fixture
def engine():
    return make_engine()


def store(engine, lease_id, *facts):
    """Receipts of `lease_id`: (fact, when it happened and was stored)."""
    first = LeaseReceipt.objects.count() + 1
    rows = [
        LeaseReceipt(
            engine=engine,
            epoch=EPOCH,
            sequence=sequence,
            fact=fact,
            lease_id=lease_id,
            tenant_id="1",
            tier="hbm",
            tokens=32,
            bytes=1000,
            at_ms=int(at.timestamp() * 1000),
            until_ms=int(at.timestamp() * 1000),
            stored_at=at,
        )
        for sequence, (fact, at) in enumerate(facts, start=first)
    ]
    LeaseReceipt.objects.bulk_create(rows)
    follow_leases(rows)


def left():
    return set(LeaseReceipt.objects.values_list("lease_id", flat=True))


def test_it_works(engine):
    old, young = new_id(), new_id()
    end = LONG_AGO + timedelta(minutes=1)
    store(engine, old, (Fact.GRANTED, LONG_AGO), (Fact.RELEASED, end))
    store(engine, new_id(), (Fact.REFUSED, LONG_AGO))
    store(engine, "kvl_of-somebody-else", (Fact.GRANTED, LONG_AGO))
    store(engine, young, (Fact.GRANTED, NOW), (Fact.RELEASED, NOW))

    assert forget_lease_receipts(now=NOW) == 4
    assert left() == {young}
    assert forget_lease_receipts(now=NOW) == 0
    # What money was given back for is still known.
    assert Lease.objects.filter(lease_id=old, state="released").exists()


def test_a_lease_that_is_held_keeps_all_of_its_receipts(engine):
    store(engine, new_id(), (Fact.GRANTED, LONG_AGO), (Fact.RENEWED, LONG_AGO))

    assert forget_lease_receipts(now=NOW) == 0


def test_a_lease_that_ended_of_late_keeps_all_of_its_receipts(engine):
    end = NOW - RECEIPTS_KEPT + timedelta(minutes=1)
    store(engine, new_id(), (Fact.GRANTED, LONG_AGO), (Fact.EXPIRED, end))

    assert forget_lease_receipts(now=NOW) == 0


@pytest.mark.parametrize("most", [5, 6])
def test_one_call_is_bounded(engine, monkeypatch, most):
    monkeypatch.setattr(service, "BATCH_RECEIPTS", 2)
    monkeypatch.setattr(service, "RECEIPTS_MAX", most)
    for _ in range(8):
        store(engine, new_id(), (Fact.REFUSED, LONG_AGO))

    assert [forget_lease_receipts(now=NOW) for _ in range(3)] == [6, 2, 0]


def test_it_refuses_to_forget_before_the_time(engine):
    """By the database, whatever somebody's clock says."""
    store(engine, new_id(), (Fact.REFUSED, NOW))

    with (
        pytest.raises(IntegrityError, match="DELETE refused on lease_receipt"),
        transaction.atomic(),
    ):
        forget_lease_receipts(now=NOW + 2 * RECEIPTS_KEPT)


def test_it_refuses_to_change_an_old_one(engine):
    store(engine, new_id(), (Fact.REFUSED, LONG_AGO))

    with (
        pytest.raises(IntegrityError, match="UPDATE refused on lease_receipt"),
        transaction.atomic(),
    ):
        LeaseReceipt.objects.update(bytes=1)
