"""What an engine told of its leases, into the books: each receipt once, in order."""

import logging
from collections.abc import Iterable

from django.db import connection, transaction

from inference.domain.lease_control import LeaseEvents
from inference.domain.lease_gaps import continuation
from inference.domain.lease_receipt import LeaseReceipt as Told
from inference.domain.lease_receipt import Reason
from inference.lease_models import LeaseCursor, LeaseReceipt
from inference.services.follow_leases import follow_leases
from inference.services.lose_leases import lose_leases

_logger = logging.getLogger(__name__)


@transaction.atomic
def store_lease_events(
    asked: LeaseCursor, told: LeaseEvents, *, asked_ms: int
) -> LeaseCursor:
    """The cursor as it is now. `asked` is the cursor that the question was put from,
    at `asked_ms` of our clock.

    If another collector moved it meanwhile, nothing is stored. Another epoch ends all
    leases of the one before; its receipts are then to be asked for from the beginning.
    """
    cursor = _locked(asked.engine_id)
    if (cursor.epoch, cursor.sequence) != (asked.epoch, asked.sequence):
        return cursor
    if told.epoch != cursor.epoch:
        return _begin_epoch(cursor, told.epoch, now_ms=asked_ms)
    found = continuation(cursor.sequence, told)
    if not found.is_whole:
        _note_gap(cursor)
    rows = [_row(cursor, receipt) for receipt in told.receipts]
    _alert(cursor, told.receipts)
    LeaseReceipt.objects.bulk_create(rows, ignore_conflicts=True)
    follow_leases(rows)
    cursor.sequence = found.sequence
    if found.is_last:
        cursor.proven_ms = max(cursor.proven_ms, asked_ms)
    cursor.save()
    return cursor


def _locked(engine_id: int) -> LeaseCursor:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
    return LeaseCursor.objects.select_for_update().get(pk=engine_id)


def _begin_epoch(cursor: LeaseCursor, epoch: str, *, now_ms: int) -> LeaseCursor:
    if cursor.epoch:
        lost = lose_leases(cursor, now_ms=now_ms)
        _logger.warning(
            "engine %s began anew: %s leases are lost", cursor.engine_id, lost
        )
    cursor.epoch, cursor.sequence = epoch, 0
    cursor.proven_ms, cursor.gap_proven_ms = now_ms, None
    cursor.save()
    return cursor


def _note_gap(cursor: LeaseCursor) -> None:
    _logger.warning(
        "engine %s: lease receipts after %s are missing",
        cursor.engine_id,
        cursor.sequence,
    )
    if cursor.gap_proven_ms is None:
        cursor.gap_proven_ms = cursor.proven_ms


def _alert(cursor: LeaseCursor, receipts: Iterable[Told]) -> None:
    """Somebody has to look after an engine whose pins do not hold."""
    for told in receipts:
        if told.reason is Reason.NOT_VERIFIED:
            _logger.error(
                "engine %s held lease %s of tenant %s in name only: blocks are gone",
                cursor.engine_id,
                told.lease_id,
                told.tenant_id,
            )


def _row(cursor: LeaseCursor, told: Told) -> LeaseReceipt:
    return LeaseReceipt(
        engine_id=cursor.engine_id,
        epoch=cursor.epoch,
        sequence=told.sequence,
        fact=told.fact.value,
        lease_id=told.lease_id,
        tenant_id=told.tenant_id,
        tier=told.tier.value,
        tokens=told.tokens,
        bytes=told.bytes,
        at_ms=told.at_ms,
        until_ms=told.until_ms,
        host_until_ms=told.host_until_ms,
        reason=told.reason.value if told.reason else "",
        previous_lease_id=told.previous_lease_id or "",
    )
