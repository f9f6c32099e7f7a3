"""What tenants say of lines that they hold for wrong, and what came of it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from billing.models.invoices import LineItem
from tenants.models import Tenant


class DisputeStatus(models.TextChoices):
    OPEN = "open"
    RESOLVED = "resolved"


class LineDispute(models.Model):
    """A tenant's objection to one line of an issued invoice."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="line_disputes")
    line = models.ForeignKey(LineItem, models.PROTECT, related_name="disputes")
    status = models.CharField(
        max_length=8, choices=DisputeStatus.choices, default=DisputeStatus.OPEN
    )
    note = models.CharField(max_length=2000, blank=True)
    """In the tenant's words; empty: the arithmetic itself differed."""
    derived_quantity = models.BigIntegerField()
    """What the usage events came to when it was opened."""
    derived_amount_nanos = models.BigIntegerField()
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    """Null: that user is no more."""
    opened_at = models.DateTimeField()
    resolution = models.CharField(max_length=2000, blank=True)
    """What the operator answered; empty: nothing yet."""
    resolved_at = models.DateTimeField(null=True, blank=True)
    """Null: it is open."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["line"],
                condition=Q(status="open"),
                name="line_dispute_one_open_per_line",
            ),
            models.CheckConstraint(
                condition=Q(status="open", resolved_at=None, resolution="")
                | (Q(status="resolved", resolved_at__isnull=False) & ~Q(resolution="")),
                name="line_dispute_resolved_with_words",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line.key}, {self.status}"

    @property
    def difference_nanos(self) -> int:
        """What is billed, less what the events came to."""
        return self.line.amount_nanos - self.derived_amount_nanos
