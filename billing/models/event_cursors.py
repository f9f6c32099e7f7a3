"""How far facts of others have been told on, and which alerts were sent."""

from django.db import models

from billing.models.credit import CreditGrant
from inference.models import Engine
from tenants.models import Tenant


class LeaseEventCursor(models.Model):
    """Up to which of one engine's lease receipts tenants were told. The receipts of an
    engine are written one transaction after the other, so none comes in below.
    """

    engine = models.OneToOneField(
        Engine, models.CASCADE, primary_key=True, related_name="lease_event_cursor"
    )
    receipt_id = models.BigIntegerField()


class CreditThreshold(models.Model):
    """At what is left a tenant wants to be told, besides the usual shares of its last
    grant.
    """

    tenant = models.OneToOneField(
        Tenant, models.PROTECT, related_name="credit_threshold"
    )
    amount_nanos = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(amount_nanos__gt=0),
                name="credit_threshold_positive",
            )
        ]

    def __str__(self) -> str:
        return f"{self.amount_nanos}"


class CreditAlert(models.Model):
    """A threshold that was passed since a grant. The row is what keeps a second mail
    from being sent; the next grant begins anew.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="credit_alerts")
    grant = models.ForeignKey(
        CreditGrant, models.PROTECT, related_name="alerts", db_constraint=False
    )
    """The last one then; guarded by a key together with the tenant."""
    threshold_nanos = models.BigIntegerField()
    alerted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["grant", "threshold_nanos"], name="credit_alert_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.threshold_nanos} of grant {self.grant_id}"
