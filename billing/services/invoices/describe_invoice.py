"""An invoice as the document that leaves the house."""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from billing.domain.invoice import InvoiceStatus
from billing.domain.line_titles import line_title
from billing.domain.money import amount_of_cents, exact_amount
from billing.domain.taxes import TaxGroup, tax_groups
from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice, InvoiceTax, LineItem
from billing.models.payments import Payment, PaymentStatus
from billing.services.invoices.read_parties import read_parties
from billing.services.taxes.quote_tax import preview_tax
from billing.wire import (
    Buyer,
    InvoiceDocument,
    InvoiceLine,
    NoteOfInvoice,
    PaymentOfInvoice,
    Seller,
    TaxLine,
)


@dataclass(frozen=True, kw_only=True)
class _Terms:
    """Who sells to whom, and the tax: as issued, or what it would be today."""

    seller: Seller
    buyer: Buyer
    is_tax_inclusive: bool
    taxes: list[TaxLine]


def describe_invoice(invoice: Invoice) -> InvoiceDocument:
    """A draft is described as it would be issued today."""
    terms = _of_draft(invoice) if invoice.status == "draft" else _as_issued(invoice)
    payments = list(invoice.payments.filter(status=PaymentStatus.SUCCEEDED))
    notes = list(invoice.credit_notes.filter(status="issued").order_by("issued_at"))
    tax_cents = sum(tax.tax_cents for tax in terms.taxes)
    included_cents = tax_cents if terms.is_tax_inclusive else 0
    net_cents = invoice.lines_cents - included_cents
    total_cents = net_cents + tax_cents
    paid_cents = sum(payment.amount_cents for payment in payments)
    credited_cents = sum(note.applied_cents for note in notes)
    due_cents = total_cents - invoice.credit_applied_cents - paid_cents - credited_cents
    if invoice.status == InvoiceStatus.VOID:
        due_cents = 0
    return InvoiceDocument(
        number=invoice.number,
        status=str(invoice.status),
        tenant=invoice.tenant.name,
        currency=invoice.currency,
        period_start=invoice.period_start,
        period_end=invoice.period_end,
        issued_at=invoice.issued_at,
        due_at=invoice.due_at,
        seller=terms.seller,
        buyer=terms.buyer,
        is_tax_inclusive=terms.is_tax_inclusive,
        lines=[_line(line) for line in invoice.lines.in_order()],
        taxes=terms.taxes,
        net_cents=net_cents,
        tax_cents=tax_cents,
        total_cents=total_cents,
        total=amount_of_cents(total_cents),
        total_nanos=invoice.total_nanos,
        credit_applied_cents=invoice.credit_applied_cents,
        paid_cents=paid_cents,
        payments=_payments(payments),
        credited_cents=credited_cents,
        credit_notes=_notes(notes),
        due_cents=due_cents,
        due=amount_of_cents(due_cents),
    )


def _as_issued(invoice: Invoice) -> _Terms:
    rows = invoice.taxes.order_by("-rate_basis_points", "category")
    return _Terms(
        seller=msgspec.convert(invoice.seller or {"name": ""}, Seller),
        buyer=msgspec.convert(invoice.buyer or {"name": invoice.tenant.name}, Buyer),
        is_tax_inclusive=invoice.is_tax_inclusive,
        taxes=[_tax(row) for row in rows],
    )


def _of_draft(invoice: Invoice) -> _Terms:
    parties = read_parties(invoice.tenant)
    is_inclusive = parties.seller.is_tax_inclusive
    treatment = preview_tax(parties.tax_question(period_end=invoice.period_end))
    lines = [(treatment, invoice.lines_cents)] if treatment else []
    groups = tax_groups(lines, is_inclusive=is_inclusive)
    return _Terms(
        seller=msgspec.convert(parties.describe_seller(), Seller),
        buyer=msgspec.convert(parties.describe_buyer(), Buyer),
        is_tax_inclusive=is_inclusive,
        taxes=[_previewed(group) for group in groups],
    )


def _tax(row: InvoiceTax) -> TaxLine:
    return TaxLine(
        category=row.category,
        rate_basis_points=row.rate_basis_points,
        country=row.country,
        taxable_cents=row.taxable_cents,
        tax_cents=row.tax_cents,
        reason=row.reason,
    )


def _previewed(group: TaxGroup) -> TaxLine:
    return TaxLine(
        category=group.treatment.category.value,
        rate_basis_points=group.treatment.rate_basis_points,
        country=group.treatment.country,
        taxable_cents=group.taxable_cents,
        tax_cents=group.tax_cents,
        reason=group.treatment.reason,
    )


def _line(line: LineItem) -> InvoiceLine:
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
        quantity=line.quantity,
        included_quantity=line.included_quantity,
        rate_nanos_per_million=line.rate_nanos_per_million,
        gross_nanos=line.gross_nanos,
        discount_nanos=line.discount_nanos,
        amount_nanos=line.amount_nanos,
        amount=exact_amount(line.amount_nanos),
        amount_cents=line.amount_cents,
    )


def _payments(rows: Iterable[Payment]) -> list[PaymentOfInvoice]:
    return [
        PaymentOfInvoice(
            paid_at=row.settled_at or row.created_at,
            method=row.kind,
            amount_cents=row.amount_cents,
        )
        for row in rows
    ]


def _notes(rows: Iterable[CreditNote]) -> list[NoteOfInvoice]:
    return [
        NoteOfInvoice(
            number=row.number, issued_at=row.issued_at, total_cents=row.total_cents
        )
        for row in rows
        if row.number and row.issued_at
    ]
