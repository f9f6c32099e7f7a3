"""Put the tax on an invoice that is about to be issued."""

from billing.domain.taxes import TaxTreatment, tax_groups
from billing.models.invoices import Invoice, InvoiceTax


def write_tax(invoice: Invoice, treatment: TaxTreatment, *, is_inclusive: bool) -> None:
    """Writes the rows, while it is a draft, and sets its totals without saving them."""
    groups = tax_groups([(treatment, invoice.lines_cents)], is_inclusive=is_inclusive)
    InvoiceTax.objects.bulk_create(
        InvoiceTax(
            tenant_id=invoice.tenant_id,
            invoice=invoice,
            category=group.treatment.category.value,
            rate_basis_points=group.treatment.rate_basis_points,
            country=group.treatment.country,
            taxable_cents=group.taxable_cents,
            tax_cents=group.tax_cents,
            reason=group.treatment.reason,
        )
        for group in groups
    )
    invoice.is_tax_inclusive = is_inclusive
    invoice.tax_cents = sum(group.tax_cents for group in groups)
    invoice.total_cents = sum(group.taxable_cents + group.tax_cents for group in groups)
