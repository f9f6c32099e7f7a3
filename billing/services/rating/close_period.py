"""Bill a tenant's usage up to a time, now."""

from datetime import datetime

from billing.domain.invoice import InvoiceStatus
from billing.errors import NothingToIssueError
from billing.models.invoices import Invoice
from billing.models.rating import BillingPeriod
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_period import rate_period
from billing.services.rating.roll_up_tenant import roll_up_tenant
from tenants.models import Tenant


def close_period(*, tenant: Tenant, until: datetime, now: datetime) -> list[Invoice]:
    """The invoices issued by this call, the earliest month first.

    Rolls up and rates what is stored, then issues each draft for what happened before
    `until` (the begin of a day, UTC). Each invoice is issued in its own transaction; a
    second call issues what is missing. Raises UsageNotRolledUpError and what
    `rate_period` raises.
    """
    roll_up_tenant(tenant, until=until)
    months = BillingPeriod.objects.filter(tenant=tenant, starts_at__lt=until)
    for period_id in list(months.changed().values_list("pk", flat=True)):
        rate_period(period_id, now=now)
    drafts = Invoice.objects.filter(
        tenant=tenant, status=InvoiceStatus.DRAFT, period_start__lt=until
    ).order_by("period_start")
    ids = list(drafts.values_list("pk", flat=True))
    issued = [_issued_if_due(invoice_id, until, now) for invoice_id in ids]
    return [invoice for invoice in issued if invoice]


def _issued_if_due(invoice_id: int, until: datetime, now: datetime) -> Invoice | None:
    try:
        return issue_invoice(invoice_id, until=until, now=now)
    except NothingToIssueError:
        return None
