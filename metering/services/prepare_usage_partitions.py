"""Makes the months of `usage_event` before their first event comes."""

import logging
from datetime import datetime

from django.db import IntegrityError, connection, transaction
from psycopg import sql

from metering.domain.months import month_after, month_of, months_from

logger = logging.getLogger(__name__)

MONTHS_AHEAD = 3
"""This month and two more: the beat may be away for weeks."""
LOCK_MILLISECONDS_MAX = 5000
_LOCK = 0x7_0A57
"""Names our advisory lock; two makers of one month would collide."""
# PostgreSQL hands the row's triggers on to a new partition, but not the statement's.
_UNGUARDED = """
    SELECT relname FROM pg_partition_tree('usage_event')
    JOIN pg_class ON pg_class.oid = relid
    WHERE NOT EXISTS (
        SELECT FROM pg_trigger
        WHERE tgrelid = relid AND tgname = 'usage_event_no_truncate'
    )
"""
_GUARD = """
    CREATE TRIGGER usage_event_no_truncate BEFORE TRUNCATE ON {name}
    FOR EACH STATEMENT EXECUTE FUNCTION usage_event_is_append_only()
"""


def prepare_usage_partitions(now: datetime) -> None:
    """Makes the partitions of the month of `now` and of the next two, where missing.

    Moves no row. An event without a month lies in the DEFAULT partition: it is counted
    and billed as any other, but its month can then not be made without a person's help
    (see metering/README.md); this is logged as an error each time.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # Making a partition stops the writers for a moment. If it had to queue behind
        # a long query, they would queue behind it; rather try again in some hours.
        cursor.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS_MAX}")
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        for month in months_from(now, count=MONTHS_AHEAD):
            _make_partition_if_missing(month)
        _guard_partitions()
    _report_strays()


def has_partition(at: datetime) -> bool:
    """Whether the month of the aware time `at` is made."""
    name = partition_name(month_of(at))
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
        return bool(cursor.fetchone()[0])


def partition_name(month: datetime) -> str:
    return f"usage_event_{month:%Y_%m}"


def _make_partition_if_missing(month: datetime) -> None:
    if has_partition(month):
        return
    try:
        _make_partition(month)
    except IntegrityError:
        logger.exception(
            "%s cannot be made: usage_event_default holds events of that month",
            partition_name(month),
        )


def _make_partition(month: datetime) -> None:
    statement = sql.SQL(
        "CREATE TABLE {name} PARTITION OF usage_event"
        " FOR VALUES FROM ({start}) TO ({end})"
    ).format(
        name=sql.Identifier(partition_name(month)),
        start=sql.Literal(month.isoformat()),
        end=sql.Literal(month_after(month).isoformat()),
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def _guard_partitions() -> None:
    """Lets none of them be emptied by TRUNCATE, those made by hand included."""
    with connection.cursor() as cursor:
        cursor.execute(_UNGUARDED)
        for (name,) in cursor.fetchall():
            cursor.execute(sql.SQL(_GUARD).format(name=sql.Identifier(name)))


def _report_strays() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(happened_at), count(*) FROM usage_event_default")
        earliest, count = cursor.fetchone()
    if count:
        logger.error(
            "usage_event_default holds %s events, the earliest of %s: "
            "their months had no partition",
            count,
            earliest,
        )
