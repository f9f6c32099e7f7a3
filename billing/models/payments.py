"""Money received, and given back."""

from django.db import models
from django.db.models import Q

from billing.models.credit_notes import CreditNote
from billing.models.invoices import Invoice
from tenants.append_only import no_truncate
from tenants.domain.currency import USD
from tenants.models import Tenant


class PaymentMethod(models.Model):
    """A card, or the like, that a provider keeps for a tenant."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="payment_methods")
    provider_id = models.CharField(max_length=100, unique=True)
    """The provider's name for it; no number of a card is ever here."""
    brand = models.CharField(max_length=30)
    last4 = models.CharField(max_length=4)
    expires_month = models.PositiveSmallIntegerField(null=True)
    expires_year = models.PositiveSmallIntegerField(null=True)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"],
                condition=Q(is_default=True, removed_at=None),
                name="payment_method_one_default",
            )
        ]

    def __str__(self) -> str:
        return f"{self.brand} ending in {self.last4}"


class PaymentStatus(models.TextChoices):
    PENDING = "pending"
    """Started; the provider has not said how it ended."""
    REQUIRES_ACTION = "requires_action"
    """The tenant must confirm it with its bank."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    REVERSED = "reversed"
    """It had succeeded; the bank took it back."""


class PaymentKind(models.TextChoices):
    CARD = "card"
    BANK_TRANSFER = "bank_transfer"


class Payment(models.Model):
    """One try to get money: for an invoice, or for credit (a top-up)."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="payments")
    invoice = models.ForeignKey(
        Invoice, models.PROTECT, null=True, blank=True, related_name="payments"
    )
    """Null: it buys credit."""
    currency = models.CharField(max_length=3, default=USD, db_default=USD)
    """The tenant's, by a key together (migration)."""
    kind = models.CharField(max_length=16, choices=PaymentKind)
    method = models.ForeignKey(
        PaymentMethod, models.PROTECT, null=True, blank=True, related_name="payments"
    )
    amount_cents = models.BigIntegerField()
    status = models.CharField(
        max_length=16, choices=PaymentStatus, default=PaymentStatus.PENDING
    )
    idempotency_key = models.CharField(max_length=100)
    """Names the one act for whoever repeats it, the provider included."""
    provider_id = models.CharField(max_length=100, blank=True)
    """Of the provider's own record; empty: none yet, or no provider."""
    failure_code = models.CharField(max_length=60, blank=True)
    failure_text = models.CharField(max_length=300, blank=True)
    """For people; empty: it has not failed."""
    note = models.CharField(max_length=200, blank=True)
    """The reference of a bank transfer."""
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    """When it succeeded, failed or was canceled; null: it is open."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "idempotency_key"], name="payment_once"
            ),
            models.UniqueConstraint(
                fields=["provider_id"],
                condition=~Q(provider_id=""),
                name="payment_provider_id_once",
            ),
            models.UniqueConstraint(fields=["id", "tenant"], name="payment_of_tenant"),
            models.CheckConstraint(
                condition=Q(amount_cents__gt=0), name="payment_amount_positive"
            ),
            models.CheckConstraint(
                condition=Q(status__in=PaymentStatus.values),
                name="payment_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status__in=("pending", "requires_action"), settled_at=None)
                | (
                    ~Q(status__in=("pending", "requires_action"))
                    & Q(settled_at__isnull=False)
                ),
                name="payment_settled_when_it_ended",
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at"], name="payment_by_time"),
            models.Index(
                fields=["created_at"],
                condition=Q(status__in=("pending", "requires_action")),
                name="payment_open",
            ),
        ]
        triggers = [no_truncate()]

    def __str__(self) -> str:
        return self.idempotency_key


class RefundStatus(models.TextChoices):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Refund(models.Model):
    """Money of one payment given back to where it came from."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="refunds")
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="refunds")
    credit_note = models.ForeignKey(
        CreditNote, models.PROTECT, null=True, related_name="refunds"
    )
    """Null: unused credit is given back."""
    amount_cents = models.BigIntegerField()
    status = models.CharField(
        max_length=16, choices=RefundStatus, default=RefundStatus.PENDING
    )
    idempotency_key = models.CharField(max_length=100)
    provider_id = models.CharField(max_length=100, blank=True)
    reason = models.CharField(max_length=200)
    failure_text = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "idempotency_key"], name="refund_once"
            ),
            models.CheckConstraint(
                condition=Q(amount_cents__gt=0), name="refund_amount_positive"
            ),
            models.CheckConstraint(
                condition=Q(status__in=RefundStatus.values), name="refund_status_known"
            ),
        ]
        triggers = [no_truncate()]
