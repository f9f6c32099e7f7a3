"""Give the usage events of a tenant their receipts, and sign for all at once."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from billing.domain.periods import Period
from billing.services.receipts.build_receipts import (
    CALL_COLUMNS,
    INTERVAL_COLUMNS,
    RateBook,
    build_call,
    build_interval,
    cache_salt_id,
)
from metering.domain.receipts import (
    FIRST_PREVIOUS,
    AnyReceipt,
    canonical,
    receipt_hash,
)
from metering.domain.signed_texts import seal_text
from metering.receipt_models import Receipt, ReceiptSeal, UnsealedHour
from metering.services.receipt_keys import load_signer

HOURS_MAX = 1000
"""Of one tenant in one transaction: more than a month has."""
ROWS = 5_000
"""In memory at a time."""
_HOUR = timedelta(hours=1)
_LOCK_TIMEOUT = "30s"
# Its own lock and not the tenant's: rating and issuing need not wait for a long seal,
# unless they seal themselves.
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('receipts', %s))"
_CALLS = f"""
    DECLARE unsealed NO SCROLL CURSOR FOR
    SELECT NULL::bigint, {CALL_COLUMNS}
    FROM usage_event e
    WHERE e.tenant_id = %(tenant_id)s
        AND e.happened_at >= %(start)s AND e.happened_at < %(end)s
    AND NOT EXISTS (
        SELECT FROM receipt r WHERE r.tenant_id = e.tenant_id
        AND r.happened_at = e.happened_at AND r.event_id = e.event_id
        AND r.interval_id IS NULL)
    ORDER BY e.happened_at, e.event_id
"""  # noqa: S608  the columns are a constant
_INTERVALS = f"""
    DECLARE unsealed NO SCROLL CURSOR FOR
    SELECT i.id, {INTERVAL_COLUMNS}
    FROM lease_interval i
    WHERE i.tenant_id = %(tenant_id)s
        AND i.ended_at >= %(start)s AND i.ended_at < %(end)s
    AND NOT EXISTS (
        SELECT FROM receipt r WHERE r.tenant_id = i.tenant_id
        AND r.happened_at = i.ended_at AND r.event_id = i.event_id
        AND r.interval_id = i.id)
    ORDER BY i.ended_at, i.id
"""  # noqa: S608  the columns are a constant
_COPY = (
    "COPY receipt (tenant_id, sequence, happened_at, event_id, interval_id,"
    " cache_salt_id, hash) FROM STDIN"
)
# Only what the roll-up has not marked again; locked in the order in which it marks.
_TAKE_AWAY = """
    WITH sealed AS MATERIALIZED (
        SELECT mark.id FROM unsealed_hour mark
        JOIN unnest(%s::bigint[], %s::bigint[]) AS seen (id, generation)
            ON seen.id = mark.id AND seen.generation = mark.generation
        ORDER BY mark.tenant_id, mark.hour_at FOR UPDATE OF mark
    )
    DELETE FROM unsealed_hour USING sealed WHERE unsealed_hour.id = sealed.id
"""
_Build = Callable[..., AnyReceipt]


def seal_receipts(
    tenant_id: int, *, now: datetime, until: datetime | None = None
) -> int:
    """Gives receipts to what was rolled up of hours that begin before `until` (None:
    all) and has none; returns how many. Late events get later places.

    Safe twice and at the same time: one seals at a time, and knows what the roll-up
    marked while it did. Raises django.db.OperationalError when another one takes longer
    than half a minute.
    """
    sealed, hours = 0, HOURS_MAX
    while hours == HOURS_MAX:
        receipts, hours = _seal_batch(tenant_id, now, until)
        sealed += receipts
    return sealed


@transaction.atomic
def _seal_batch(
    tenant_id: int, now: datetime, until: datetime | None
) -> tuple[int, int]:
    """How many receipts, of how many hours."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
        cursor.execute(_LOCK, [tenant_id])
    marks = _marks(tenant_id, until)
    chain = _Chain(tenant_id)
    first = chain.sequence
    for span in _runs([hour_at for _, hour_at, _ in marks]):
        chain.extend(_CALLS, span, build_call)
        chain.extend(_INTERVALS, span, build_interval)
    if chain.sequence > first:
        _sign(chain, now)
    _take_away(marks)
    return chain.sequence - first, len(marks)


def _marks(tenant_id: int, until: datetime | None) -> list[tuple[int, datetime, int]]:
    marks = UnsealedHour.objects.filter(tenant_id=tenant_id).order_by("hour_at")
    if until is not None:
        marks = marks.filter(hour_at__lt=until)
    return list(marks.values_list("pk", "hour_at", "generation")[:HOURS_MAX])


def _runs(hours: list[datetime]) -> list[Period]:
    """`hours` in order, those that follow each other as one: a span is read by the
    index, but a list of hours by comparing each of them with each event.
    """
    runs: list[Period] = []
    for hour_at in hours:
        if runs and runs[-1].end == hour_at:
            runs[-1] = Period(start=runs[-1].start, end=hour_at + _HOUR)
        else:
            runs.append(Period(start=hour_at, end=hour_at + _HOUR))
    return runs


def _take_away(marks: list[tuple[int, datetime, int]]) -> None:
    if marks:
        ids, _, generations = zip(*marks, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(_TAKE_AWAY, [list(ids), list(generations)])


class _Chain:
    """The tenant's receipts as they grow."""

    def __init__(self, tenant_id: int) -> None:
        self.tenant_id = tenant_id
        head = Receipt.objects.of_tenant(tenant_id).order_by("-sequence").first()
        self.sequence = head.sequence if head else 0
        self.hash = bytes(head.hash) if head else bytes.fromhex(FIRST_PREVIOUS)
        self._cache_salt_id = cache_salt_id(tenant_id)
        self._rates = RateBook()

    def extend(self, query: str, span: Period, build: _Build) -> None:
        """By the rows of `query`, of which only some are in memory at a time."""
        values: dict[str, Any] = {
            "start": span.start,
            "end": span.end,
            "tenant_id": self.tenant_id,
        }
        with connection.cursor() as cursor:
            cursor.execute(query, values)
            while rows := _fetched(cursor):
                # Before the COPY, during which the connection answers no question
                # about a price.
                made = list(self._receipts(rows, build))
                with connection.wrap_database_errors, cursor.copy(_COPY) as copy:
                    for row in made:
                        copy.write_row(row)
            cursor.execute("CLOSE unsealed")

    def _receipts(
        self, rows: list[tuple[Any, ...]], build: _Build
    ) -> Iterator[tuple[object, ...]]:
        salt_id = self._cache_salt_id.hex()
        for interval_id, *columns in rows:
            self.sequence += 1
            receipt = build(
                columns,
                self._rates,
                sequence=self.sequence,
                previous=self.hash.hex(),
                tenant_id=self.tenant_id,
                cache_salt_id=salt_id,
            )
            self.hash = receipt_hash(canonical(receipt))
            yield (
                self.tenant_id,
                self.sequence,
                receipt.happened_at,
                receipt.event_id,
                interval_id,
                self._cache_salt_id,
                self.hash,
            )


def _fetched(cursor: Any) -> list[tuple[Any, ...]]:
    cursor.execute(f"FETCH {ROWS} FROM unsealed")
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _sign(chain: _Chain, now: datetime) -> None:
    signer = load_signer(now=now)
    text = seal_text(
        tenant_id=chain.tenant_id, last_sequence=chain.sequence, head=chain.hash
    )
    ReceiptSeal.objects.create(
        tenant_id=chain.tenant_id,
        last_sequence=chain.sequence,
        head=chain.hash,
        key_id=signer.key_id,
        signature=signer.sign(text),
        sealed_at=now,
    )
