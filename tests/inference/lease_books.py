"""Answers of an engine about its leases, as the collector reads them, and the books."""

from uuid import uuid4

import msgspec

from inference.domain.lease_control import HeldLease, LeaseEvents, LeaseList
from inference.domain.lease_receipt import Fact, LeaseReceipt
from inference.domain.lease_terms import GRACE_MS, LeaseClass, Tier
from inference.lease_models import LeaseCursor
from inference.lease_models import LeaseReceipt as Row
from inference.services.store_lease_events import store_lease_events

NOW_MS = 1_795_262_400_000
"""2026-11-21 12:00 UTC."""
EPOCH = "epoch-1"
BYTES = 9 * 1_474_560


def new_id():
    return uuid4().hex


def receipt(sequence, fact=Fact.GRANTED, *, lease_id, at_ms=NOW_MS, **changes):
    """Of a lease of 15 seconds in HBM."""
    told = LeaseReceipt(
        sequence=sequence,
        epoch=EPOCH,
        engine_id="engine-under-test",
        fact=fact,
        lease_id=lease_id,
        tenant_id="1",
        lease_class=LeaseClass.ELASTIC,
        tier=Tier.HBM,
        blocks=9,
        tokens=288,
        bytes=BYTES,
        last_hash="",
        until_ms=NOW_MS + 15_000 + GRACE_MS,
        host_until_ms=0,
        at_ms=at_ms,
    )
    return msgspec.structs.replace(told, **changes)


def events(*receipts, epoch=EPOCH, last_sequence=None):
    last = receipts[-1].sequence if receipts else 0
    return LeaseEvents(
        epoch=epoch,
        last_sequence=last if last_sequence is None else last_sequence,
        receipts=list(receipts),
    )


def listed(*lease_ids, last_sequence, epoch=EPOCH):
    return LeaseList(
        epoch=epoch,
        last_sequence=last_sequence,
        is_whole=True,
        leases=[
            HeldLease(
                lease_id=lease_id,
                tenant_id="1",
                lease_class=LeaseClass.ELASTIC,
                tier=Tier.HBM,
                blocks=9,
                tokens=288,
                bytes=BYTES,
                last_hash="",
                until_ms=NOW_MS,
                host_until_ms=0,
                turns=0,
            )
            for lease_id in lease_ids
        ],
    )


def cursor_of(engine):
    return LeaseCursor.objects.get_or_create(engine=engine)[0]


def tell(engine, *receipts, asked_ms=NOW_MS, **answer):
    """What the collector does with an answer; a first one begins the epoch."""
    told = events(*receipts, **answer)
    cursor = cursor_of(engine)
    if cursor.epoch != told.epoch:
        cursor = store_lease_events(cursor, told, asked_ms=asked_ms)
    return store_lease_events(cursor, told, asked_ms=asked_ms)


def facts(lease_id):
    """[(sequence, fact, milliseconds after noon, inferred)] in order."""
    rows = Row.objects.filter(lease_id=lease_id).order_by("sequence", "is_inferred")
    return [(r.sequence, r.fact, r.at_ms - NOW_MS, r.is_inferred) for r in rows]
