"""Which receipts an invoice bills, and what they add up to."""

from django.db import models
from django.db.models import F, Q

from billing.domain.rating import METER_NAMES
from billing.domain.receipt_spans import ReceiptSpan
from billing.models.invoices import Invoice
from tenants.append_only import append_only, no_truncate
from tenants.models import Tenant

_KEPT = "what an invoice bills is kept"


class BilledReceipts(models.Model):
    """A span of receipts that an issued invoice bills; spans of invoices that count
    share none.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="billed_receipts")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="billed_receipts")
    starts_at = models.DateTimeField()
    """Of what happened from then on."""
    ends_at = models.DateTimeField()
    """Exclusive."""
    after_sequence = models.BigIntegerField()
    """Exclusive: the place of the last receipt that an earlier invoice bills."""
    last_sequence = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    ends_at__gt=F("starts_at"), last_sequence__gt=F("after_sequence")
                ),
                name="billed_receipts_not_empty",
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "starts_at"], name="billed_receipts_of_time")
        ]
        triggers = [*append_only(_KEPT), no_truncate(_KEPT)]

    @property
    def span(self) -> ReceiptSpan:
        return ReceiptSpan(
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            after_sequence=self.after_sequence,
            last_sequence=self.last_sequence,
        )


class ReceiptBlock(models.Model):
    """The Merkle root of up to `merkle.BLOCK` receipts of an invoice in their order:
    with these, one of a million is proved by reading a thousand.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="receipt_blocks")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="receipt_blocks")
    position = models.IntegerField()
    """From 0."""
    first_sequence = models.BigIntegerField()
    root = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "position"], name="receipt_block_once"
            )
        ]
        triggers = [*append_only(_KEPT), no_truncate(_KEPT)]


class BilledHour(models.Model):
    """What the receipts that an invoice bills show of one hour, per price version and
    meter. Rollups go on with late events; this stays what was billed.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="billed_hours")
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="billed_hours")
    hour_at = models.DateTimeField()
    """The begin of the UTC hour."""
    price_version_id = models.BigIntegerField()
    meter = models.CharField(max_length=32)
    quantity = models.BigIntegerField()
    receipt_count = models.IntegerField()
    """Receipts that this meter is on."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "price_version_id", "meter", "hour_at"],
                name="billed_hour_once",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0, receipt_count__gt=0),
                name="billed_hour_positive",
            ),
            models.CheckConstraint(
                condition=Q(meter__in=METER_NAMES), name="billed_hour_meter_known"
            ),
        ]
        indexes = [
            models.Index(fields=["tenant", "hour_at"], name="billed_hour_of_time")
        ]
        triggers = [*append_only(_KEPT), no_truncate(_KEPT)]
