"""Issue what was drafted for months that are over."""

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError

from billing.domain.invoice import InvoiceStatus
from billing.errors import BillingError
from billing.models.invoices import Invoice
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.invoices.note_block import note_block

COLLECTION_GRACE = timedelta(days=1)
"""How long a month's draft waits for late usage: after the month's end, and after the
last change, so that a trickle of late usage makes one more invoice and not many."""
INVOICES_MAX = 500
"""In one call."""

_logger = logging.getLogger(__name__)


def issue_due_invoices(*, now: datetime) -> list[Invoice]:
    """The invoices that this call issued, each in its own transaction.

    One that cannot be issued is logged as an error, and staff sees why; the others are
    issued all the same.
    """
    due = Invoice.objects.filter(
        status=InvoiceStatus.DRAFT,
        period_end__lte=now - COLLECTION_GRACE,
        refreshed_at__lte=now - COLLECTION_GRACE,
    ).order_by("period_end", "id")
    ids = list(due.values_list("pk", flat=True)[:INVOICES_MAX])
    issued = [_issued_if_possible(invoice_id, now) for invoice_id in ids]
    return [invoice for invoice in issued if invoice]


def _issued_if_possible(invoice_id: int, now: datetime) -> Invoice | None:
    try:
        return issue_invoice(invoice_id, now=now)
    except (BillingError, DatabaseError) as error:
        _logger.exception("draft %s is not issued", invoice_id)
        note_block(Invoice.objects.filter(pk=invoice_id).first(), error, now=now)
        return None
