"""Takes away readings that no statement needs any more."""

from datetime import datetime, timedelta

from django.db import connection

KEPT_WHOLE = timedelta(days=3)
"""Longer than a day may wait for its statement."""
DELETED_MAX = 50_000
"""In one call."""
# The last of each hour stays for the picture, and the first of each epoch: it is the
# opening where the start is not known.
_THIN = """
    WITH numbered AS (
        SELECT id, asked_at,
            row_number() OVER (PARTITION BY epoch_id, model ORDER BY asked_at) AS nth,
            row_number() OVER (
                PARTITION BY epoch_id, model, date_trunc('hour', asked_at, 'UTC')
                ORDER BY asked_at DESC
            ) AS from_last
        FROM engine_reading
    ), superfluous AS (
        SELECT id FROM numbered
        WHERE nth > 1 AND from_last > 1 AND asked_at < %s
            AND NOT EXISTS (
                SELECT FROM reconciliation_statement AS used
                WHERE numbered.id IN (used.opening_id, used.closing_id, used.last_id)
            )
        LIMIT %s
    )
    DELETE FROM engine_reading USING superfluous
    WHERE engine_reading.id = superfluous.id
"""


def thin_engine_readings(*, now: datetime) -> int:
    """Keeps all of the last days; of earlier ones the first of an epoch, the last of
    each hour (and so the last of an epoch), and those of statements.
    """
    with connection.cursor() as cursor:
        cursor.execute(_THIN, [now - KEPT_WHOLE, DELETED_MAX])
        return int(cursor.rowcount)
