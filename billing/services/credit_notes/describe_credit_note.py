"""A credit note as the document that leaves the house."""

import msgspec
from django.utils.translation import gettext

from billing.domain.line_titles import line_title
from billing.domain.money import amount_of_cents, exact_amount
from billing.models.credit_notes import CreditNote, CreditNoteLine
from billing.models.invoices import InvoiceTax
from billing.wire import Buyer, CreditNoteDocument, InvoiceLine, Seller, TaxLine


def describe_credit_note(note: CreditNote) -> CreditNoteDocument:
    """Who sells and buys is as on the invoice. Raises ValueError if that is a draft."""
    invoice = note.invoice
    if invoice.issued_at is None or invoice.number is None:
        raise ValueError(gettext("credit note %(pk)s lowers a draft") % {"pk": note.pk})
    net_cents = note.total_cents - note.tax_cents
    return CreditNoteDocument(
        number=note.number,
        kind=note.kind,
        reason=note.reason,
        tenant=invoice.tenant.name,
        currency=note.currency,
        invoice_number=invoice.number,
        invoice_issued_at=invoice.issued_at,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        issued_at=note.issued_at,
        seller=msgspec.convert(invoice.seller or {"name": ""}, Seller),
        buyer=msgspec.convert(invoice.buyer or {"name": invoice.tenant.name}, Buyer),
        is_tax_inclusive=invoice.is_tax_inclusive,
        lines=[
            _line(row) for row in note.lines.select_related("line").order_by("line_id")
        ],
        taxes=[_tax(row, note, net_cents) for row in invoice.taxes.all()],
        net_cents=net_cents,
        tax_cents=note.tax_cents,
        total_cents=note.total_cents,
        total=amount_of_cents(note.total_cents),
        total_nanos=note.total_nanos,
        applied_cents=note.applied_cents,
        credited_cents=note.credited_cents,
        refunded_cents=note.refunded_cents,
    )


def _tax(row: InvoiceTax, note: CreditNote, net_cents: int) -> TaxLine:
    """Its part of the invoice's tax, of which there is one kind."""
    return TaxLine(
        category=row.category,
        rate_basis_points=row.rate_basis_points,
        country=row.country,
        taxable_cents=net_cents,
        tax_cents=note.tax_cents,
        reason=row.reason,
    )


def _line(row: CreditNoteLine) -> InvoiceLine:
    line = row.line
    return InvoiceLine(
        key=line.key,
        kind=line.kind,
        description=line_title(
            kind=line.kind,
            description=line.description,
            model=line.model,
            meter=line.meter,
        ),
        model=line.model or None,
        meter=line.meter or None,
        price_version_id=line.price_version_id,
        quantity=row.quantity,
        included_quantity=0,
        rate_nanos_per_million=line.rate_nanos_per_million,
        gross_nanos=row.amount_nanos,
        discount_nanos=0,
        amount_nanos=row.amount_nanos,
        amount=exact_amount(row.amount_nanos),
        amount_cents=row.amount_cents,
    )
