"""Seal the hours that are over, of all tenants."""

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError

from billing.services.receipts.seal_receipts import seal_receipts
from metering.receipt_models import UnsealedHour

TENANTS_MAX = 500
"""In one call."""
QUIET = timedelta(minutes=5)
"""After an hour's end: what still arrives of it mostly has by then, and an hour that is
sealed once is read once."""

_logger = logging.getLogger(__name__)


def seal_due_receipts(*, now: datetime) -> int:
    """Returns how many receipts there are more. A tenant that cannot be sealed is
    logged as an error and tried again with the next call.
    """
    until = (now - QUIET).replace(minute=0, second=0, microsecond=0)
    marks = UnsealedHour.objects.filter(hour_at__lt=until).order_by("tenant_id")
    tenant_ids = marks.values_list("tenant_id", flat=True).distinct()[:TENANTS_MAX]
    return sum(_sealed(tenant_id, now, until) for tenant_id in tenant_ids)


def _sealed(tenant_id: int, now: datetime, until: datetime) -> int:
    try:
        return seal_receipts(tenant_id, now=now, until=until)
    except DatabaseError:
        _logger.exception("the receipts of tenant %s are not sealed", tenant_id)
        return 0
