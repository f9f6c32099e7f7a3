"""Issue a draft: its lines and amounts become final, and it gets its number."""

from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext

from billing.domain.charges import Charge
from billing.domain.invoice import InvoiceStatus, Tax, Totals, unbilled
from billing.domain.money import NANOS_PER_CENT
from billing.domain.periods import Period
from billing.domain.postings import TransactionKind, invoice_issued
from billing.errors import (
    NothingToIssueError,
    PeriodNotOverError,
    TaxChangedError,
)
from billing.models.document_mails import DocumentMail
from billing.models.invoices import Invoice
from billing.models.issue_blocks import IssueBlock
from billing.models.rating import BillingPeriod
from billing.services.credit.draw_credit import draw_credit
from billing.services.invoices.draft_invoice import draft_invoice
from billing.services.invoices.lock_invoice import lock_invoice
from billing.services.invoices.read_billed import read_billed
from billing.services.invoices.read_parties import keep_seller, read_parties
from billing.services.invoices.refuse_unreconciled import refuse_unreconciled
from billing.services.invoices.settle_invoice import settle_invoice
from billing.services.invoices.take_number import take_number
from billing.services.invoices.write_lines import write_lines
from billing.services.invoices.write_tax import write_tax
from billing.services.ledger.post_transaction import post_transaction
from billing.services.rating.charged_of import charged_by
from billing.services.rating.rate_period import rate_period
from billing.services.rating.read_charges import read_charges
from billing.services.receipts.bill_receipts import bill_receipts
from billing.services.taxes.quote_invoice_tax import TaxQuote, quote_invoice_tax
from billing.services.webhooks.emit_event import emit_event


def issue_invoice(
    invoice_id: int, *, now: datetime, until: datetime | None = None
) -> Invoice:
    """The issued invoice; one that was issued before is returned as it is.

    With `until` (the begin of an hour) it bills only what happened before; the rest of
    the month goes to a new draft. Rates the month first if anything of it has changed,
    so that it is never stale.
    Raises InvoiceNotFoundError, PeriodNotOverError (the month still runs and no `until`
    was given), NothingToIssueError, UnreconciledError (a day of it is not what the
    engines counted, and nobody accepted that), ReceiptsDifferError (what is stored of
    it is not what was rolled up), TaxChangedError, and what `rate_period` and
    `quote_tax` raise.
    """
    quote = quote_invoice_tax(invoice_id, until=until)
    return _issue(invoice_id, quote, now=now, until=until)


@transaction.atomic
def _issue(
    invoice_id: int, quote: TaxQuote | None, *, now: datetime, until: datetime | None
) -> Invoice:
    invoice = lock_invoice(invoice_id)
    if invoice.status != InvoiceStatus.DRAFT:
        return invoice
    if until is None and now < invoice.period_end:
        raise PeriodNotOverError(
            gettext("The month still runs; say until when to bill it.")
        )
    period = BillingPeriod.objects.get(
        tenant_id=invoice.tenant_id, starts_at=invoice.period_start
    )
    if period.generation > period.rated_generation:
        rate_period(period.pk, now=now)
        invoice = _refreshed(invoice)
    span = period.span.until(until or period.span.end)
    # The draft shows the whole month; of a part, the rest goes to a new draft.
    lines = None if span == period.span else _lines_until(invoice, period, span)
    refuse_unreconciled(invoice.tenant_id, span.start, span.end, now=now)
    if lines is not None:
        write_lines(invoice, lines, now=now)
    invoice.period_end = span.end
    _fix_receipts(invoice, span, now)
    _finalise(invoice, quote, now=now)
    if lines is not None:
        charges = read_charges(invoice.tenant_id, period.span)
        draft_invoice(period, charges, now=now)
    return invoice


def _lines_until(invoice: Invoice, period: BillingPeriod, span: Period) -> list[Charge]:
    due = read_charges(invoice.tenant_id, period.span, until=span.end)
    lines = unbilled(due, read_billed(invoice.tenant_id, invoice.period_start))
    if not lines:
        raise NothingToIssueError(gettext("The draft bills nothing of that time."))
    return lines


def _fix_receipts(invoice: Invoice, span: Period, now: datetime) -> None:
    receipts = bill_receipts(invoice, span, now=now)
    invoice.merkle_root = receipts.root_hex
    invoice.receipt_count = receipts.count
    invoice.receipt_from = receipts.first_sequence
    invoice.receipt_to = receipts.last_sequence


def _refreshed(invoice: Invoice) -> Invoice:
    """As rating left it, which deletes a draft that has nothing left to bill."""
    try:
        invoice.refresh_from_db()
    except Invoice.DoesNotExist:
        raise NothingToIssueError(
            gettext("Nothing is left to bill of that month.")
        ) from None
    return invoice


def _finalise(invoice: Invoice, quote: TaxQuote | None, *, now: datetime) -> None:
    parties = read_parties(invoice.tenant)
    seller = keep_seller(parties.seller)
    if quote is None or quote.question != parties.tax_question(
        period_end=invoice.period_end
    ):
        raise TaxChangedError(
            gettext("Who sells or buys has just changed: issue it again.")
        )
    write_tax(invoice, quote.treatment, is_inclusive=seller.is_tax_inclusive)
    invoice.legal_entity = seller
    invoice.seller = parties.describe_seller()
    invoice.buyer = parties.describe_buyer()
    invoice.issued_at = now
    invoice.due_at = now + timedelta(days=seller.payment_days)
    # While it is a draft: what calls used before credit expired is on no invoice yet.
    invoice.charged_nanos = charged_by(invoice)
    invoice.credit_applied_cents = draw_credit(invoice, now=now) // NANOS_PER_CENT
    invoice.status = InvoiceStatus.ISSUED
    invoice.number = take_number(seller.number_prefix, year=now.astimezone(UTC).year)
    invoice.save()
    IssueBlock.objects.filter(invoice=invoice).delete()
    post_transaction(
        invoice_issued(
            Totals(cents=invoice.lines_cents, nanos=invoice.total_nanos),
            Tax(cents=invoice.tax_cents, is_inclusive=invoice.is_tax_inclusive),
        ),
        tenant_id=invoice.tenant_id,
        kind=TransactionKind.INVOICE_ISSUED,
        reference=f"invoice:{invoice.number}",
        booked_at=now,
    )
    if invoice.total_cents == invoice.credit_applied_cents:
        settle_invoice(invoice, now=now)
    DocumentMail.objects.create(
        tenant_id=invoice.tenant_id, invoice=invoice, try_after=now
    )
    emit_event(
        tenant_id=invoice.tenant_id,
        type="invoice.issued",
        data={
            "invoice": invoice.number,
            "total_cents": invoice.total_cents,
            "due_at": invoice.due_at,
            "currency": invoice.currency,
        },
        now=now,
    )
