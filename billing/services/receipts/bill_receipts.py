"""Decide which receipts an invoice bills, and see that they add up to its usage."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection
from django.db.models import Max, Sum

from billing.domain.charges import ChargeKind
from billing.domain.periods import Period
from billing.domain.receipt_spans import ReceiptSpan, unbilled_spans
from billing.errors import ReceiptsDifferError
from billing.models.invoices import Invoice
from billing.models.receipts import BilledReceipts, ReceiptBlock
from billing.services.invoices.read_billed import BILLING
from billing.services.receipts.receipt_condition import receipt_condition
from billing.services.receipts.seal_receipts import seal_receipts
from metering.domain.merkle import BLOCK, merkle_root
from metering.receipt_models import Receipt

ROWS = 20_480
"""Hashes in memory at a time; a multiple of BLOCK."""
# The split of the input is metering.domain.leased.split_input, in SQL; the database
# knows that leased and cached tokens lie within the input.
CALL_QUANTITIES = """
    ('new_input_tokens',
        e.input_tokens - greatest(e.cached_input_tokens, e.leased_input_tokens)),
    ('cached_input_tokens', e.cached_input_tokens - e.leased_input_tokens),
    ('output_tokens', CASE WHEN e.is_warming THEN 0 ELSE e.output_tokens END),
    ('images', e.images)
"""
"""Of `usage_event e`: rows of meter and quantity."""
_CALL_SUMS = """
    SELECT date_trunc('hour', e.happened_at, 'UTC') AS hour_at, e.price_version_id,
        m.meter, sum(m.quantity), count(*)
    FROM receipt r
    JOIN usage_event e ON e.event_id = r.event_id AND e.happened_at = r.happened_at
    CROSS JOIN LATERAL (VALUES {quantities}) AS m (meter, quantity)
    WHERE r.tenant_id = %(tenant_id)s AND r.interval_id IS NULL
        AND e.outcome <> 'unbilled' AND m.quantity > 0 AND {spans}
        AND e.happened_at >= %(starts_at)s AND e.happened_at < %(ends_at)s
    GROUP BY 1, 2, 3
"""
_INTERVAL_SUMS = """
    SELECT date_trunc('hour', i.ended_at, 'UTC') AS hour_at, i.price_version_id,
        i.tier || '_mb_s', sum(i.mb_s), count(*)
    FROM receipt r JOIN lease_interval i ON i.id = r.interval_id
    WHERE r.tenant_id = %(tenant_id)s AND i.credit_reason = '' AND i.mb_s > 0
        AND {spans}
    GROUP BY 1, 2, 3
"""
_KEEP_SUMS = """
    INSERT INTO billing_billedhour (tenant_id, invoice_id, hour_at, price_version_id,
        meter, quantity, receipt_count)
    SELECT %(tenant_id)s, %(invoice_id)s, sums.* FROM ({sums}) AS sums
"""
_HASHES = """
    DECLARE hashes NO SCROLL CURSOR FOR
    SELECT r.sequence, r.hash FROM receipt r
    WHERE r.tenant_id = %(tenant_id)s AND {spans} ORDER BY r.sequence
"""


@dataclass(frozen=True, kw_only=True)
class ReceiptsOfInvoice:
    root_hex: str
    """The Merkle root (RFC 6962) of their hashes, by sequence."""
    count: int
    first_sequence: int | None
    """None: it bills none."""
    last_sequence: int | None


def bill_receipts(
    invoice: Invoice, span: Period, *, now: datetime
) -> ReceiptsOfInvoice:
    """Gives `invoice` all receipts of `span` that no issued invoice bills, after it has
    sealed what had none.

    For the transaction that issues the invoice, under the tenant's lock and with its
    lines written. Raises ReceiptsDifferError when they do not show for each price
    version and meter just what its lines bill.
    """
    seal_receipts(invoice.tenant_id, now=now, until=span.end)
    spans = _spans(invoice, span)
    BilledReceipts.objects.bulk_create(
        BilledReceipts(tenant_id=invoice.tenant_id, invoice=invoice, **vars(one))
        for one in spans
    )
    if spans:
        _keep_sums(invoice, spans, span)
    _check_sums(invoice)
    return _root(invoice, spans)


def _spans(invoice: Invoice, span: Period) -> list[ReceiptSpan]:
    receipts = Receipt.objects.of_tenant(invoice.tenant_id)
    last = receipts.aggregate(last=Max("sequence"))["last"] or 0
    billed = BilledReceipts.objects.filter(
        tenant_id=invoice.tenant_id,
        starts_at__gte=span.start,
        starts_at__lt=span.end,
        invoice__status__in=BILLING,
    )
    wanted = ReceiptSpan(
        starts_at=span.start, ends_at=span.end, after_sequence=0, last_sequence=last
    )
    return unbilled_spans(wanted, [one.span for one in billed])


def _keep_sums(invoice: Invoice, spans: list[ReceiptSpan], span: Period) -> None:
    condition, values = receipt_condition(spans)
    values |= {
        "tenant_id": invoice.tenant_id,
        "invoice_id": invoice.pk,
        "starts_at": span.start,
        "ends_at": span.end,
    }
    with connection.cursor() as cursor:
        for sums in (_CALL_SUMS, _INTERVAL_SUMS):
            query = _KEEP_SUMS.format(
                sums=sums.format(spans=condition, quantities=CALL_QUANTITIES)
            )
            cursor.execute(query, values)


def _check_sums(invoice: Invoice) -> None:
    lines = invoice.lines.filter(kind=ChargeKind.USAGE)
    receipts, billed = _totals(invoice.billed_hours), _totals(lines)
    for version_id, meter in sorted(receipts.keys() | billed.keys()):
        seen = receipts[version_id, meter], billed[version_id, meter]
        if seen[0] != seen[1]:
            raise ReceiptsDifferError(
                f"The receipts show {seen[0]} {meter} under price version {version_id},"
                f" the invoice would bill {seen[1]}."
            )


def _totals(rows: Any) -> Counter[tuple[int, str]]:
    """By price version and meter."""
    sums = rows.order_by().values_list("price_version_id", "meter")
    return Counter(
        {
            (version_id, meter): total
            for version_id, meter, total in sums.annotate(total=Sum("quantity"))
        }
    )


def _root(invoice: Invoice, spans: list[ReceiptSpan]) -> ReceiptsOfInvoice:
    """Also keeps the blocks of the tree."""
    count, last = 0, None
    blocks: list[ReceiptBlock] = []
    for rows in _blocks_of_hashes(invoice.tenant_id, spans):
        root = merkle_root(bytes(one) for _, one in rows)
        blocks.append(
            ReceiptBlock(
                tenant_id=invoice.tenant_id,
                invoice=invoice,
                position=len(blocks),
                first_sequence=rows[0][0],
                root=root,
            )
        )
        count, last = count + len(rows), rows[-1][0]
    ReceiptBlock.objects.bulk_create(blocks)
    return ReceiptsOfInvoice(
        root_hex=merkle_root(bytes(block.root) for block in blocks).hex(),
        count=count,
        first_sequence=blocks[0].first_sequence if blocks else None,
        last_sequence=last,
    )


def _blocks_of_hashes(
    tenant_id: int, spans: list[ReceiptSpan]
) -> Iterator[list[tuple[int, bytes]]]:
    if not spans:
        return
    condition, values = receipt_condition(spans)
    with connection.cursor() as cursor:
        query = _HASHES.format(spans=condition)
        cursor.execute(query, {**values, "tenant_id": tenant_id})
        while rows := _fetched(cursor):
            yield from _in_blocks(rows)
        cursor.execute("CLOSE hashes")


def _fetched(cursor: Any) -> list[tuple[int, bytes]]:
    cursor.execute(f"FETCH {ROWS} FROM hashes")
    rows: list[tuple[int, bytes]] = cursor.fetchall()
    return rows


def _in_blocks(
    rows: Iterable[tuple[int, bytes]],
) -> Iterator[list[tuple[int, bytes]]]:
    left = iter(rows)
    while block := list(islice(left, BLOCK)):
        yield block
