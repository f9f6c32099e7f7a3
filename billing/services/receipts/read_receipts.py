"""Receipts that were sealed, made anew from the events that they are about."""

from collections.abc import Generator
from typing import Any

from django.db import connection, transaction

from billing.errors import ReceiptChangedError
from billing.services.receipts.build_receipts import (
    CALL_COLUMN_COUNT,
    CALL_COLUMNS,
    INTERVAL_COLUMNS,
    RateBook,
    build_call,
    build_interval,
)
from metering.domain.receipts import (
    FIRST_PREVIOUS,
    AnyReceipt,
    canonical,
    receipt_hash,
)

ROWS = 2_000
"""In memory at a time."""
_FIXED_COLUMNS = 6
_BEFORE = "r.sequence - 1"
_READ = f"""
    SELECT r.tenant_id, r.sequence, r.hash, r.cache_salt_id, p.hash, r.interval_id,
        {CALL_COLUMNS}, {INTERVAL_COLUMNS}
    FROM receipt r
    LEFT JOIN receipt p ON p.tenant_id = r.tenant_id AND p.sequence = {{before}}
    LEFT JOIN usage_event e ON r.interval_id IS NULL
        AND e.event_id = r.event_id AND e.happened_at = r.happened_at
    LEFT JOIN lease_interval i ON i.id = r.interval_id
    WHERE r.tenant_id = %(tenant_id)s AND ({{condition}})
    ORDER BY r.sequence
"""  # noqa: S608  the columns are constants


def read_receipt(tenant_id: int, sequence: int) -> AnyReceipt | None:
    """None: there is none. Raises ReceiptChangedError."""
    # The one before is named outright: behind the second wall, where its place would
    # have to be worked out first, PostgreSQL reads all of the tenant's.
    query = _READ.format(before="%(before)s", condition="r.sequence = %(sequence)s")
    values = {"tenant_id": tenant_id, "sequence": sequence, "before": sequence - 1}
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    return _built(row, RateBook()) if row else None


def stream_receipts(
    tenant_id: int, condition: str, values: dict[str, Any]
) -> Generator[AnyReceipt, None, None]:
    """Those of `receipt r` for which `condition` holds, by sequence, in flat memory.

    A transaction is open until the last one is taken, or the iterator is closed. Raises
    ReceiptChangedError.
    """
    rates = RateBook()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "DECLARE sealed NO SCROLL CURSOR FOR "
            + _READ.format(before=_BEFORE, condition=condition),
            {"tenant_id": tenant_id, **values},
        )
        while rows := _fetched(cursor):
            for row in rows:
                yield _built(row, rates)
        cursor.execute("CLOSE sealed")


def _fetched(cursor: Any) -> list[tuple[Any, ...]]:
    cursor.execute(f"FETCH {ROWS} FROM sealed")
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _built(row: tuple[Any, ...], rates: RateBook) -> AnyReceipt:
    tenant_id, sequence, sealed_hash, salt_id, previous, interval_id = row[:6]
    columns = row[_FIXED_COLUMNS:]
    link = {
        "tenant_id": tenant_id,
        "sequence": sequence,
        "previous": bytes(previous).hex() if previous else FIRST_PREVIOUS,
        "cache_salt_id": bytes(salt_id).hex(),
    }
    receipt: AnyReceipt
    if interval_id is None:
        receipt = build_call(columns[:CALL_COLUMN_COUNT], rates, **link)
    else:
        receipt = build_interval(columns[CALL_COLUMN_COUNT:], rates, **link)
    if receipt_hash(canonical(receipt)) != bytes(sealed_hash):
        raise ReceiptChangedError(
            f"Receipt {sequence} of tenant {tenant_id} is not what was sealed."
        )
    return receipt
