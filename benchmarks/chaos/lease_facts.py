"""What the books say of leases after the run."""

from dataclasses import dataclass
from typing import TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import class_row

Held = tuple[str, int, str]
"""Lease id, engine id, epoch."""
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """As metering's rule reads it."""

    lease_id: str
    engine_id: int
    epoch: str
    sequence: int
    is_inferred: bool
    fact: str
    tier: str
    bytes: int
    at_ms: int
    until_ms: int
    host_until_ms: int
    reason: str

    @property
    def held(self) -> Held:
        return self.lease_id, self.engine_id, self.epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    lease_id: str
    engine_id: int
    epoch: str
    tenant_id: str
    state: str
    granted_ms: int
    ended_ms: int | None
    is_measured: bool

    @property
    def held(self) -> Held:
        return self.lease_id, self.engine_id, self.epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    lease_id: str
    engine_id: int
    epoch: str
    tenant_id: int
    api_key_id: int
    event_id: str
    tier: str
    bytes: int
    started_ms: int
    ended_ms: int
    mb_s: int
    credit_reason: str
    rate_nanos_per_million: int
    """Of its tier, at its price version."""
    day: str
    """UTC, of its end."""

    @property
    def held(self) -> Held:
        return self.lease_id, self.engine_id, self.epoch


_RECEIPTS = """
    SELECT lease_id, engine_id, epoch, sequence, is_inferred, fact, tier, bytes, at_ms,
        until_ms, host_until_ms, reason
    FROM lease_receipt ORDER BY id
"""
_LEASES = """
    SELECT replace(lease_id::text, '-', '') AS lease_id, engine_id, epoch, tenant_id,
        state, granted_ms, ended_ms, is_measured
    FROM lease ORDER BY id
"""
_INTERVALS = """
    SELECT replace(lease_id::text, '-', '') AS lease_id, engine_id, epoch, tenant_id,
        api_key_id, replace(event_id::text, '-', '') AS event_id, tier, bytes,
        (extract(epoch FROM started_at) * 1000)::bigint AS started_ms,
        (extract(epoch FROM ended_at) * 1000)::bigint AS ended_ms, mb_s,
        credit_reason,
        CASE tier WHEN 'hbm' THEN hbm_mb_s_nanos_per_million
            WHEN 'host' THEN host_mb_s_nanos_per_million
            ELSE disk_mb_s_nanos_per_million END AS rate_nanos_per_million,
        to_char(ended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day
    FROM lease_interval
    JOIN billing_priceversion ON billing_priceversion.id = price_version_id
    ORDER BY lease_id, started_at
"""
# Heard of after it, so that all that an engine told until then is in the books.
_WAITING = """
    SELECT (SELECT count(*) FROM lease WHERE state = 'held')
        + (SELECT count(*) FROM lease JOIN usage_event AS event USING (lease_id)
            WHERE NOT is_measured AND outcome <> 'unbilled')
        + (SELECT count(*) FROM lease_cursor
            WHERE proven_ms < %s OR gap_proven_ms IS NOT NULL)
"""


@dataclass(frozen=True, kw_only=True)
class LeaseBooks:
    receipts: list[Receipt]
    leases: list[Lease]
    intervals: list[Interval]


def read_lease_books(database_url: str) -> LeaseBooks:
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        return LeaseBooks(
            receipts=_read(connection, Receipt, _RECEIPTS),
            leases=_read(connection, Lease, _LEASES),
            intervals=_read(connection, Interval, _INTERVALS),
        )


def _read(connection: psycopg.Connection, row: type[_Row], query: str) -> list[_Row]:
    with connection.cursor(row_factory=class_row(row)) as cursor:
        return cursor.execute(sql.SQL(query)).fetchall()


def are_leases_measured(database_url: str, *, since_ms: int) -> bool:
    """Nothing is held any more, and all that somebody bought is measured; engines were
    heard of after `since_ms`.
    """
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        row = connection.execute(_WAITING, [since_ms]).fetchone()
    return row is not None and row[0] == 0
