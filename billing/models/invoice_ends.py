"""Why issued invoices are not to be paid."""

from django.db import models
from django.db.models import Q

from billing.domain.invoice import InvoiceStatus
from billing.models.invoices import Invoice
from tenants.append_only import append_only, no_truncate
from tenants.models import Tenant

_ENDS = (InvoiceStatus.VOID.value, InvoiceStatus.UNCOLLECTIBLE.value)


class InvoiceEnd(models.Model):
    """An invoice was voided or given up, and why. A late payment may still come."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="invoice_ends")
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, related_name="ends", db_constraint=False
    )
    """Guarded by a key together with the tenant."""
    status = models.CharField(max_length=16, choices=[(end, end) for end in _ENDS])
    reason = models.CharField(max_length=300)
    ended_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "status"], name="invoice_ended_once"
            ),
            models.CheckConstraint(
                condition=Q(status__in=_ENDS), name="invoice_end_known"
            ),
        ]
        triggers = [*append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"{self.invoice}: {self.status}"
