"""Keep a tenant-month's drafts equal to what is rated and not yet issued."""

from datetime import datetime

from billing.domain.charges import Charge
from billing.domain.invoice import InvoiceStatus, overbilled, unbilled
from billing.models.invoices import Invoice
from billing.models.rating import BillingPeriod
from billing.services.credit_notes.draft_adjustments import draft_adjustments
from billing.services.invoices.read_billed import read_billed
from billing.services.invoices.write_lines import write_lines
from billing.services.ledger.currency_of import currency_of


def draft_invoice(
    period: BillingPeriod, charges: list[Charge], *, now: datetime
) -> Invoice | None:
    """The draft of the month, whose rated `charges` these are; None if issued invoices
    bill all of it. What they bill too much goes to drafts of credit notes.

    The caller holds the tenant's lock.
    """
    billed = read_billed(period.tenant_id, period.starts_at)
    draft_adjustments(period, overbilled(charges, billed), now=now)
    lines = unbilled(charges, billed)
    drafts = Invoice.objects.filter(
        tenant_id=period.tenant_id,
        period_start=period.starts_at,
        status=InvoiceStatus.DRAFT,
    )
    if not lines:
        drafts.delete()
        return None
    draft = drafts.first() or _opened(period, now)
    write_lines(draft, lines, now=now)
    return draft


def _opened(period: BillingPeriod, now: datetime) -> Invoice:
    return Invoice.objects.create(
        tenant_id=period.tenant_id,
        currency=currency_of(period.tenant_id),
        period_start=period.span.start,
        period_end=period.span.end,
        refreshed_at=now,
    )
