"""What the issued invoices of a tenant's month bill already."""

from datetime import datetime

from django.db.models import Sum

from billing.domain.invoice import Billed, InvoiceStatus
from billing.domain.rating import ChargeKey
from billing.models.invoices import LineItem

_BILLING = (InvoiceStatus.ISSUED.value, InvoiceStatus.PAID.value)


def read_billed(tenant_id: int, period_start: datetime) -> dict[ChargeKey, Billed]:
    """Per charge key. A voided invoice bills nothing: its usage is billed anew."""
    rows = (
        LineItem.objects.filter(
            invoice__tenant_id=tenant_id,
            invoice__period_start=period_start,
            invoice__status__in=_BILLING,
        )
        .values_list("price_version_id", "meter")
        .annotate(quantity=Sum("quantity"), amount=Sum("amount_nano_usd"))
    )
    return {
        ChargeKey(version_id, meter): Billed(quantity=quantity, amount_nano_usd=amount)
        for version_id, meter, quantity, amount in rows
    }
