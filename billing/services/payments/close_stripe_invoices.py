"""Tell Stripe what became of the invoices that it has copies of."""

import logging
from datetime import datetime

from billing.domain.invoice import InvoiceStatus
from billing.errors import BillingError
from billing.models.provider import StripeInvoice
from billing.stripe_sync.invoices import close_copy

COPIES_AT_ONCE = 100
_ENDED = (InvoiceStatus.PAID, InvoiceStatus.VOID, InvoiceStatus.UNCOLLECTIBLE)
_logger = logging.getLogger(__name__)


def close_stripe_invoices(*, now: datetime) -> int:
    """How many were closed; what cannot be is logged and tried again."""
    copies = StripeInvoice.objects.filter(
        closed_at=None, invoice__status__in=_ENDED
    ).select_related("invoice")
    return sum(_is_closed(copy, now) for copy in copies.order_by("pk")[:COPIES_AT_ONCE])


def _is_closed(copy: StripeInvoice, now: datetime) -> bool:
    try:
        close_copy(copy, status=copy.invoice.status)
    except BillingError:
        _logger.exception("the copy %s of invoice %s", copy, copy.invoice)
        return False
    copy.closed_at = now
    copy.save(update_fields=["closed_at"])
    return True
