"""What a document takes when warm: `python -m benchmarks.documents`.

An issued invoice as PDF/A-3b with the e-invoice inside, each time another one. The page
`/invoices/N/pdf/` has a few questions to the database besides. In CPU time, since other
processes of the machine are not meant.
"""

import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec.structs import replace

from billing.documents.einvoice import e_invoice
from billing.documents.pdf import invoice_pdf
from billing.domain.money import amount_nanos, amount_of_cents, cents, exact_amount
from billing.domain.taxes import TaxCategory
from billing.wire import Buyer, InvoiceDocument, InvoiceLine, Seller, TaxLine

LINES = (1, 10, 40, 200)
ROUNDS = 50
TARGET_MS = 100
RATE = 400_000_000


def _line(number: int) -> InvoiceLine:
    quantity = 1_000_003 * (number + 1)
    amount = amount_nanos(quantity, RATE)
    return InvoiceLine(
        key=f"usage:{number}:output_tokens",
        kind="usage",
        description=f"Output tokens, model-{number}",
        model=f"model-{number}",
        meter="output_tokens",
        price_version_id=number,
        quantity=quantity,
        included_quantity=0,
        rate_nanos_per_million=RATE,
        gross_nanos=amount,
        discount_nanos=0,
        amount_nanos=amount,
        amount=exact_amount(amount),
        amount_cents=cents(amount),
    )


def _invoice(lines: int) -> InvoiceDocument:
    shown = [_line(number) for number in range(lines)]
    total = sum(line.amount_cents for line in shown)
    return InvoiceDocument(
        number="TF-2026-000001",
        status="issued",
        tenant="Acme",
        currency="USD",
        period_start=datetime(2026, 11, 1, tzinfo=UTC),
        period_end=datetime(2026, 12, 1, tzinfo=UTC),
        issued_at=datetime(2026, 12, 2, tzinfo=UTC),
        due_at=datetime(2026, 12, 16, tzinfo=UTC),
        seller=Seller(name="Seller", country="DE", vat_id="DE136695976"),
        buyer=Buyer(name="Buyer", country="US"),
        is_tax_inclusive=False,
        lines=shown,
        taxes=[
            TaxLine(
                category=TaxCategory.OUTSIDE_EU.value,
                rate_basis_points=0,
                country="",
                taxable_cents=total,
                tax_cents=0,
                reason="Supplied to a recipient abroad",
            )
        ],
        net_cents=total,
        tax_cents=0,
        total_cents=total,
        total=amount_of_cents(total),
        total_nanos=sum(line.amount_nanos for line in shown),
        credit_applied_cents=0,
        paid_cents=0,
        payments=[],
        credited_cents=0,
        credit_notes=[],
        due_cents=total,
        due=amount_of_cents(total),
    )


def _times_ms(
    make: Callable[[InvoiceDocument], bytes], document: InvoiceDocument
) -> list[float]:
    """Sorted; of documents that differ, so that nothing is remembered."""
    times = []
    for number in range(ROUNDS):
        another = replace(document, number=f"TF-2026-{number:06}")
        begin = time.process_time()
        make(another)
        times.append((time.process_time() - begin) * 1000)
    return sorted(times)


def main() -> None:
    begin = time.process_time()
    invoice_pdf(_invoice(1))
    print(
        f"the first one of a process: {(time.process_time() - begin) * 1000:.0f} ms\n"
    )
    print("| lines | e-invoice, p50 ms | PDF, p50 ms | p95 ms | most ms |")
    print("|---:|---:|---:|---:|---:|")
    for lines in LINES:
        document = _invoice(lines)
        xml = statistics.median(_times_ms(e_invoice, document))
        pdf = _times_ms(invoice_pdf, document)
        p50, p95 = statistics.median(pdf), pdf[int(0.95 * len(pdf))]
        print(f"| {lines} | {xml:.1f} | {p50:.1f} | {p95:.1f} | {pdf[-1]:.1f} |")
    print(f"\ntarget: a PDF of 40 lines in {TARGET_MS} ms")


if __name__ == "__main__":
    main()
