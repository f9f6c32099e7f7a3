"""What a credit note over so much of an invoice's lines comes to, and where it goes."""

from dataclasses import dataclass

from django.db.models import Sum

from billing.domain.credit_notes import Split, split_total, tax_taken
from billing.models.credit_notes import CreditNoteTarget
from billing.models.invoices import Invoice
from billing.services.invoices.settle_invoice import due_cents
from billing.services.payments.read_refundable import read_refundable


@dataclass(frozen=True, kw_only=True)
class NoteSums:
    """In cents."""

    lines: int
    tax: int
    total: int
    """By what the invoice is lowered."""
    split: Split


def work_out_note(
    invoice: Invoice, *, lines_cents: int, target: CreditNoteTarget
) -> NoteSums:
    """Of a note that is not issued yet. All notes of an invoice give back its tax."""
    before = invoice.credit_notes.filter(status="issued").aggregate(
        lines=Sum("lines_cents", default=0), tax=Sum("tax_cents", default=0)
    )
    tax = tax_taken(
        taken_cents=lines_cents,
        left_cents=invoice.lines_cents - before["lines"],
        left_tax_cents=invoice.tax_cents - before["tax"],
    )
    total = lines_cents if invoice.is_tax_inclusive else lines_cents + tax
    refundable = 0
    if target == CreditNoteTarget.PAYMENT:
        refundable = sum(cents for _, cents in read_refundable(invoice))
    return NoteSums(
        lines=lines_cents,
        tax=tax,
        total=total,
        split=split_total(
            total, due_cents=due_cents(invoice), refundable_cents=refundable
        ),
    )
