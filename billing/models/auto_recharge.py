"""How a tenant's credit is bought by itself."""

from django.db import models
from django.db.models import F, Q

from tenants.models import Tenant


class AutoRecharge(models.Model):
    tenant = models.OneToOneField(Tenant, models.PROTECT, related_name="auto_recharge")
    is_enabled = models.BooleanField(default=True)
    threshold_nanos = models.BigIntegerField()
    """At so much left, or less, credit is bought."""
    amount_cents = models.BigIntegerField()
    monthly_max_cents = models.BigIntegerField()
    """The most in a calendar month (UTC)."""
    sequence = models.PositiveIntegerField(default=0)
    """Number of purchases begun; names each of them."""
    told_at = models.DateTimeField(null=True, blank=True)
    """When the owners were told that no card can be charged; null: it can be."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    threshold_nanos__gte=0,
                    amount_cents__gt=0,
                    monthly_max_cents__gte=F("amount_cents"),
                ),
                name="auto_recharge_amounts_make_sense",
            )
        ]

    def __str__(self) -> str:
        return f"auto-recharge of {self.tenant.name}"
