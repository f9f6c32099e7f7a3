"""The lines of an issued invoice as its copy at the payment provider shows them."""

from billing.models.invoices import Invoice
from billing.services.invoices.settle_invoice import due_cents
from billing.stripe_sync.invoices import CopiedLine


def copied_lines(invoice: Invoice) -> list[CopiedLine]:
    """They sum to what is due now: tax, and what was paid already, have lines too."""
    lines = [
        CopiedLine(
            description=line.description or f"{line.model}, {line.meter}",
            amount_cents=line.amount_cents,
        )
        for line in invoice.lines.in_order()
        if line.amount_cents
    ]
    if not invoice.is_tax_inclusive and invoice.tax_cents:
        lines.append(CopiedLine(description="Tax", amount_cents=invoice.tax_cents))
    settled = invoice.total_cents - due_cents(invoice)
    if settled:
        words = "Paid already, by credit or otherwise"
        lines.append(CopiedLine(description=words, amount_cents=-settled))
    return lines
