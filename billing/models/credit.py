"""What prepaid tenants were given to spend."""

from django.db import models
from django.db.models import Q

from billing.models.ledger import LedgerTransaction
from tenants.append_only import append_only, no_truncate
from tenants.domain.limits import AMOUNT_MAX
from tenants.models import Tenant


class CreditGrant(models.Model):
    """Prepaid credit given once, and why; the value itself is in the ledger."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="credit_grants")
    transaction = models.OneToOneField(
        LedgerTransaction, models.PROTECT, db_constraint=False
    )
    """Guarded by a key together with the tenant (migration 0004)."""
    idempotency_key = models.CharField(max_length=70)
    """Names the one act for whoever repeats it."""
    amount_nano_usd = models.BigIntegerField()
    reason = models.CharField(max_length=200)
    granted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "idempotency_key"], name="credit_grant_once"
            ),
            models.CheckConstraint(
                condition=Q(amount_nano_usd__gt=0, amount_nano_usd__lte=AMOUNT_MAX),
                name="credit_grant_amount_in_range",
            ),
        ]
        triggers = [*append_only(), no_truncate()]

    def __str__(self) -> str:
        return self.idempotency_key
