"""An invoice as the document that leaves the house."""

from billing.domain.money import exact_usd, usd_of_cents
from billing.models.invoices import Invoice, LineItem
from billing.wire import InvoiceDocument, InvoiceLine

CURRENCY = "USD"


def describe_invoice(invoice: Invoice) -> InvoiceDocument:
    return InvoiceDocument(
        number=invoice.number,
        status=str(invoice.status),
        tenant=invoice.tenant.name,
        currency=CURRENCY,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        issued_at=invoice.issued_at,
        total_cents=invoice.total_cents,
        total_usd=usd_of_cents(invoice.total_cents),
        total_nano_usd=invoice.total_nano_usd,
        lines=[_line(line) for line in invoice.lines.in_order()],
    )


def _line(line: LineItem) -> InvoiceLine:
    return InvoiceLine(
        model=line.model,
        meter=line.meter,
        quantity=line.quantity,
        rate_nano_usd_per_million=line.rate_nano_usd_per_million,
        amount_nano_usd=line.amount_nano_usd,
        amount_usd=exact_usd(line.amount_nano_usd),
        amount_cents=line.amount_cents,
        price_version_id=line.price_version_id,
    )
