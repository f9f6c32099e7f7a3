"""Keep a tenant-month's draft equal to what is rated and not yet issued."""

from datetime import datetime

from billing.domain.invoice import (
    InvoiceStatus,
    check_nothing_billed_is_gone,
    unbilled,
)
from billing.domain.rating import Charge
from billing.models.invoices import Invoice
from billing.models.rating import BillingPeriod
from billing.services.read_billed import read_billed
from billing.services.write_lines import write_lines


def draft_invoice(
    period: BillingPeriod, charges: list[Charge], *, now: datetime
) -> Invoice | None:
    """The draft of the month, whose rated `charges` these are; None if issued invoices
    bill all of it.

    The caller holds the tenant's lock. Raises BilledMoreThanRatedError.
    """
    billed = read_billed(period.tenant_id, period.starts_at)
    check_nothing_billed_is_gone(charges, billed)
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
        period_start=period.span.start,
        period_end=period.span.end,
        refreshed_at=now,
    )
