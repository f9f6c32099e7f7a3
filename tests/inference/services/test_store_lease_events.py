"""What engines tell of leases, into the books."""

import pytest
from django.db import IntegrityError, connection, transaction

from inference.domain.lease_control import EVENTS_MAX
from inference.domain.lease_receipt import Fact, Reason
from inference.domain.lease_terms import Tier
from inference.lease_models import Lease, LeaseReceipt
from inference.services.store_lease_events import store_lease_events
from tests.factories import make_engine
from tests.inference.lease_books import (
    BYTES,
    EPOCH,
    NOW_MS,
    cursor_of,
    events,
    facts,
    new_id,
    receipt,
    tell,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def engine():
    return make_engine()


def test_a_lease_held_in_name_only_is_an_alert(engine, caplog):
    lost = new_id()
    tell(engine, receipt(1, lease_id=lost))
    assert not caplog.records
    tell(engine, receipt(2, Fact.LOST, lease_id=lost, reason=Reason.NOT_VERIFIED))
    (alert,) = caplog.records
    assert alert.levelname == "ERROR"
    assert f"held lease {lost} of tenant 1 in name only" in alert.getMessage()
    assert held(engine) == set()


def held(engine):
    return {row.lease_id.hex for row in Lease.objects.held().filter(engine=engine)}


def test_it_works(engine):
    first, second = new_id(), new_id()
    tell(engine, receipt(1, lease_id=first))
    cursor = tell(
        engine,
        receipt(2, Fact.REUSED, lease_id=first, at_ms=NOW_MS + 9),
        receipt(
            3,
            lease_id=second,
            at_ms=NOW_MS + 9,
            previous_lease_id=first,
            host_until_ms=NOW_MS + 65_000,
            reason=Reason.HOST_CAP,
        ),
        asked_ms=NOW_MS + 5,
    )

    assert facts(first) == [(1, "granted", 0, False), (2, "reused", 9, False)]
    row = LeaseReceipt.objects.get(lease_id=second)
    assert (row.engine, row.epoch, row.tenant_id) == (engine, EPOCH, "1")
    assert (row.tier, row.tokens, row.bytes) == ("hbm", 288, BYTES)
    assert (row.previous_lease_id, row.reason) == (first, "host_cap")
    assert (row.at_ms, row.host_until_ms) == (NOW_MS + 9, NOW_MS + 65_000)
    assert (cursor.epoch, cursor.sequence) == (EPOCH, 3)
    assert (cursor.proven_ms, cursor.gap_proven_ms) == (NOW_MS + 5, None)
    assert held(engine) == {second}
    ended = Lease.objects.unmeasured().get()
    assert (ended.lease_id.hex, ended.state) == (first, "reused")
    assert (ended.granted_ms, ended.ended_ms) == (NOW_MS, NOW_MS + 9)


def test_a_lease_follows_its_receipts(engine):
    lease_id = new_id()
    tell(
        engine,
        receipt(1, lease_id=lease_id),
        receipt(2, Fact.RENEWED, lease_id=lease_id, until_ms=NOW_MS + 99_000),
        receipt(3, Fact.DEMOTED, lease_id=lease_id, tier=Tier.HOST, bytes=7, tokens=3),
    )

    lease = Lease.objects.get()
    assert (lease.state, lease.tier, lease.bytes, lease.tokens) == (
        *("held", "host", 7, 3),
    )


def test_a_refused_lease_is_none(engine):
    lease_id = new_id()
    tell(engine, receipt(1, Fact.REFUSED, lease_id=lease_id, bytes=0))

    assert facts(lease_id) == [(1, "refused", 0, False)]
    assert not Lease.objects.exists()


def test_what_is_told_twice_is_stored_once(engine):
    lease_id = new_id()
    answer = events(
        receipt(1, lease_id=lease_id),
        receipt(2, Fact.EXPIRED, lease_id=lease_id, at_ms=NOW_MS + 8),
    )
    tell(engine, *answer.receipts)
    cursor = cursor_of(engine)
    cursor.sequence = 0
    cursor.save()

    store_lease_events(cursor, answer, asked_ms=NOW_MS)

    assert facts(lease_id) == [(1, "granted", 0, False), (2, "expired", 8, False)]
    assert Lease.objects.get().ended_ms == NOW_MS + 8


def test_another_collector_that_was_quicker_wins(engine):
    lease_id = new_id()
    asked = cursor_of(engine)
    tell(engine, receipt(1, lease_id=lease_id))

    cursor = store_lease_events(
        asked, events(receipt(1, lease_id=new_id())), asked_ms=NOW_MS
    )

    assert cursor.sequence == 1
    assert LeaseReceipt.objects.get().lease_id == lease_id


def test_a_new_epoch_loses_what_the_old_one_held(engine):
    """At the time when the old one was last heard of: the doubt is not the tenant's."""
    lease_id, ended, later = new_id(), new_id(), new_id()
    tell(
        engine,
        receipt(1, lease_id=lease_id),
        receipt(2, lease_id=ended),
        receipt(3, Fact.RELEASED, lease_id=ended),
        asked_ms=NOW_MS + 4_000,
    )
    other = receipt(1, lease_id=later, epoch="epoch-2")
    cursor = tell(engine, other, epoch="epoch-2", asked_ms=NOW_MS + 9_000)

    assert facts(lease_id) == [(1, "granted", 0, False), (3, "lost", 4_000, True)]
    assert [fact for _, fact, _, _ in facts(ended)] == ["granted", "released"]
    assert held(engine) == {later}
    assert (cursor.epoch, cursor.sequence) == ("epoch-2", 1)


def test_a_hole_is_noticed(engine):
    lease_id = new_id()
    tell(engine, receipt(1, lease_id=lease_id), asked_ms=NOW_MS + 1)

    cursor = tell(engine, receipt(4, lease_id=new_id()), asked_ms=NOW_MS + 50)

    assert (cursor.sequence, cursor.gap_proven_ms) == (4, NOW_MS + 1)
    later = tell(engine, receipt(9, lease_id=new_id()), asked_ms=NOW_MS + 60)
    assert (later.sequence, later.gap_proven_ms) == (9, NOW_MS + 1)


def test_a_hole_at_the_end_is_noticed(engine):
    cursor = tell(
        engine, receipt(1, lease_id=new_id()), last_sequence=3, asked_ms=NOW_MS
    )

    assert (cursor.sequence, cursor.gap_proven_ms) == (3, NOW_MS)


def test_an_answer_that_was_cut_proves_nothing_of_the_present(engine):
    many = [receipt(n, lease_id=new_id()) for n in range(1, EVENTS_MAX + 1)]

    cursor = tell(engine, *many, last_sequence=EVENTS_MAX + 7, asked_ms=NOW_MS + 9)

    # What the beginning of the epoch proved.
    assert (cursor.sequence, cursor.gap_proven_ms) == (EVENTS_MAX, None)
    more = tell(
        engine,
        *(receipt(EVENTS_MAX + n, lease_id=new_id()) for n in range(1, 8)),
        asked_ms=NOW_MS + 20,
    )
    assert (more.sequence, more.proven_ms) == (EVENTS_MAX + 7, NOW_MS + 20)
    assert more.gap_proven_ms is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE lease_receipt SET bytes = 0",
        "DELETE FROM lease_receipt",
        "TRUNCATE lease_receipt",
    ],
)
def test_it_refuses_to_change_what_was_told(engine, statement):
    tell(engine, receipt(1, lease_id=new_id()))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with (
        pytest.raises(IntegrityError, match="lease receipts are kept"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
