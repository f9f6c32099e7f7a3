"""What we know of Stripe: which of its objects are ours, and what it told us."""

from typing import Self

from django.db import models
from django.db.models import Q, QuerySet

from billing.models.invoices import Invoice
from billing.models.payments import Payment, Refund
from tenants.append_only import no_truncate
from tenants.models import Tenant


class StripeTenant(models.Model):
    """A tenant as Stripe knows it."""

    tenant = models.OneToOneField(Tenant, models.PROTECT, related_name="stripe_tenant")
    stripe_id = models.CharField(max_length=100, unique=True)
    """`cus_…`."""

    def __str__(self) -> str:
        return self.stripe_id


class StripeInvoice(models.Model):
    """The copy of an issued invoice that Stripe shows beside its payments."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="stripe_invoices")
    invoice = models.OneToOneField(
        Invoice, models.PROTECT, related_name="stripe_invoice"
    )
    stripe_id = models.CharField(max_length=100, unique=True)
    """`in_…`."""
    closed_at = models.DateTimeField(null=True, blank=True)
    """When Stripe was told that ours is paid, void or given up; null: it is open."""

    def __str__(self) -> str:
        return self.stripe_id


class StripeOrderQuerySet(QuerySet["StripeOrder"]):
    def open(self) -> Self:
        return self.filter(done_at=None)


class StripeOrder(models.Model):
    """A payment or refund that Stripe is to carry out, until it has told the end.

    The row is written in the transaction that starts the payment or refund; a task
    works it off, each try claimed by a conditional update.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="stripe_orders")
    payment = models.OneToOneField(
        Payment, models.PROTECT, null=True, blank=True, related_name="stripe_order"
    )
    """Null: it is about a refund."""
    refund = models.OneToOneField(
        Refund, models.PROTECT, null=True, blank=True, related_name="stripe_order"
    )
    tries = models.PositiveIntegerField(default=0)
    """How often Stripe was asked, or was about to be."""
    try_after = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    """When the end was known; null: it is not yet."""
    problem = models.TextField(blank=True)
    """Why the last try came to nothing, for staff; empty: it did not."""

    objects = StripeOrderQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(payment__isnull=True) ^ Q(refund__isnull=True),
                name="stripe_order_of_one_thing",
            )
        ]
        indexes = [
            models.Index(
                fields=["try_after"],
                condition=Q(done_at=None),
                name="stripe_order_open",
            )
        ]

    def __str__(self) -> str:
        return f"order {self.pk}"


class StripeEventQuerySet(QuerySet["StripeEvent"]):
    def unapplied(self) -> Self:
        return self.filter(applied_at=None).order_by("apply_after", "pk")


class StripeEvent(models.Model):
    """A webhook, kept as it came; it may come twice, late and out of order."""

    stripe_id = models.CharField(max_length=100, unique=True)
    """`evt_…`; the same with each repeat."""
    type = models.CharField(max_length=100)
    api_version = models.CharField(max_length=50, blank=True)
    payload = models.JSONField()
    received_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True, blank=True)
    """When what it hints at was read and taken over; null: not yet."""
    apply_after = models.DateTimeField()
    tries = models.PositiveIntegerField(default=0)
    problem = models.TextField(blank=True)
    """Why it could not be applied, for staff; empty: it could, or was not tried."""

    objects = StripeEventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["apply_after", "id"],
                condition=Q(applied_at=None),
                name="stripe_event_unapplied",
            ),
            models.Index(fields=["-received_at"], name="stripe_event_by_time"),
        ]
        triggers = [no_truncate()]

    def __str__(self) -> str:
        return f"{self.type} {self.stripe_id}"


class ChargebackStatus(models.TextChoices):
    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Chargeback(models.Model):
    """A payment that the cardholder disputes; the bank keeps the money meanwhile."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="chargebacks")
    payment = models.OneToOneField(Payment, models.PROTECT, related_name="chargeback")
    provider_id = models.CharField(max_length=100, unique=True)
    """`dp_…`."""
    amount_cents = models.BigIntegerField()
    status = models.CharField(
        max_length=8, choices=ChargebackStatus, default=ChargebackStatus.OPEN
    )
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    """Null: it is open."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(amount_cents__gt=0), name="chargeback_amount_positive"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ChargebackStatus.values),
                name="chargeback_status_known",
            ),
        ]
        triggers = [no_truncate()]

    def __str__(self) -> str:
        return self.provider_id
