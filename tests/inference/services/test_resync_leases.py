"""Beginning anew from an engine's list, after receipts of it were lost."""

import pytest

from inference.domain.lease_receipt import Fact
from inference.lease_models import Lease
from inference.services.resync_leases import resync_leases
from tests.factories import make_engine
from tests.inference.lease_books import (
    NOW_MS,
    cursor_of,
    facts,
    listed,
    new_id,
    receipt,
    tell,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def engine():
    return make_engine()


def with_a_gap(engine, *lease_ids):
    """They are granted, then 10 numbers are missing; proven until noon and 1 s."""
    granted = [receipt(n, lease_id=one) for n, one in enumerate(lease_ids, start=1)]
    tell(engine, *granted, asked_ms=NOW_MS + 1_000)
    number = len(lease_ids) + 11
    return tell(engine, receipt(number, lease_id=new_id()), asked_ms=NOW_MS + 9_000)


def held():
    return {row.lease_id.hex for row in Lease.objects.held()}


def test_it_works(engine):
    there, gone = new_id(), new_id()
    cursor = with_a_gap(engine, there, gone)
    (later,) = held() - {there, gone}

    listing = listed(there, later, last_sequence=cursor.sequence)
    assert resync_leases(cursor, listing) == 1

    assert facts(gone)[1:] == [(cursor.sequence, "lost", 1_000, True)]
    assert held() == {there, later}
    assert cursor_of(engine).gap_proven_ms is None


def test_safe_twice(engine):
    gone = new_id()
    cursor = with_a_gap(engine, gone)
    listing = listed(last_sequence=cursor.sequence)

    assert resync_leases(cursor, listing) == 2
    assert resync_leases(cursor, listing) == 0
    assert len(facts(gone)) == 2


def test_what_ended_after_the_list_keeps_its_own_end(engine):
    lease_id = new_id()
    cursor = with_a_gap(engine, lease_id)
    listing = listed(lease_id, last_sequence=cursor.sequence)
    end = receipt(
        cursor.sequence + 1, Fact.EXPIRED, lease_id=lease_id, at_ms=NOW_MS + 20_000
    )
    cursor = tell(engine, end)

    resync_leases(cursor, listing)

    assert [fact for _, fact, _, _ in facts(lease_id)] == ["granted", "expired"]


def test_what_was_granted_after_the_list_is_not_meant(engine):
    cursor = with_a_gap(engine)
    listing = listed(last_sequence=cursor.sequence)
    later = new_id()
    cursor = tell(engine, receipt(cursor.sequence + 1, lease_id=later))

    resync_leases(cursor, listing)

    assert held() == {later}


def test_it_refuses_the_list_of_another_epoch(engine):
    lease_id = new_id()
    cursor = with_a_gap(engine, lease_id)

    assert resync_leases(cursor, listed(last_sequence=1, epoch="epoch-2")) == 0

    assert cursor_of(engine).gap_proven_ms == NOW_MS + 1_000
    assert lease_id in held()
