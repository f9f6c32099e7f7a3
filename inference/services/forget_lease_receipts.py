"""Takes away receipts of leases that are over for long."""

from datetime import datetime

from django.db import connection

from inference.lease_models import RECEIPTS_KEPT

BATCH_RECEIPTS = 10_000
"""Each in a transaction of its own, a fraction of a second long."""
RECEIPTS_MAX = 500_000
"""In one call, which is one hour's."""
# A lease's receipts go together, and never while they may still be asked for: not
# those of one that is held, extended again and again, since before that time.
_FORGET = """
    DELETE FROM lease_receipt WHERE id IN (
        SELECT id FROM lease_receipt AS receipt
        WHERE stored_at < %s AND NOT EXISTS (
            SELECT FROM lease
            WHERE lease.lease_id = CASE
                    WHEN receipt.lease_id ~ '^[0-9a-f]{32}$'
                    THEN receipt.lease_id::uuid END
                AND lease.engine_id = receipt.engine_id
                AND lease.epoch = receipt.epoch
                AND (lease.state = 'held' OR lease.ended_ms >= %s)
        )
        LIMIT %s
    )
"""


def forget_lease_receipts(*, now: datetime) -> int:
    """Deletes those that were stored RECEIPTS_KEPT ago and whose lease ended before
    then; returns how many. What was measured of them stays, and the lease's row too.

    The database refuses to delete any that is younger by its own clock.
    """
    forgotten = 0
    while forgotten < RECEIPTS_MAX:
        gone = _forget_batch(before=now - RECEIPTS_KEPT)
        forgotten += gone
        if gone < BATCH_RECEIPTS:
            break
    return forgotten


def _forget_batch(*, before: datetime) -> int:
    before_ms = int(before.timestamp() * 1000)
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [before, before_ms, BATCH_RECEIPTS])
        return int(cursor.rowcount)
