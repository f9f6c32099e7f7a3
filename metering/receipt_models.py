"""Receipts: which usage events have one, in which order, and who signed for it."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q, QuerySet

from tenants.append_only import append_only, no_truncate

_KEPT = "receipts are kept"
_HASH_BYTES = 32


class ReceiptQuerySet(QuerySet["Receipt"]):
    def of_tenant(self, tenant_id: int) -> Self:
        return self.filter(tenant_id=tenant_id)

    def between(self, start: datetime, end: datetime) -> Self:
        """Of what happened in [start, end)."""
        return self.filter(happened_at__gte=start, happened_at__lt=end)


class Receipt(models.Model):
    """That a usage event, or a lease interval, has the place `sequence` in its tenant's
    chain. Its text is made anew from the event, which never changes; `hash` tells.
    """

    pk = models.CompositePrimaryKey("tenant_id", "sequence")
    tenant_id = models.BigIntegerField()
    sequence = models.BigIntegerField()
    """From 1 without gaps among the tenant's, in the order of sealing."""
    happened_at = models.DateTimeField()
    """Of the event; of an interval, its end."""
    event_id = models.UUIDField()
    """Of an interval: of the call that bought its lease."""
    interval_id = models.BigIntegerField(null=True)
    """Null: it is about the usage event itself."""
    cache_salt_id = models.BinaryField(max_length=8)
    """Names the tenant's cache salt of then, as the receipt does."""
    hash = models.BinaryField(max_length=_HASH_BYTES)
    """Of its text, which names the hash of the receipt before: so of all until here."""

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        db_table = "receipt"
        constraints = [
            # Time comes second: the same index answers the months, hours and pages.
            models.UniqueConstraint(
                fields=["tenant_id", "happened_at", "event_id", "interval_id"],
                nulls_distinct=False,
                name="receipt_once",
            ),
            models.CheckConstraint(
                condition=Q(sequence__gt=0), name="receipt_sequence_positive"
            ),
        ]
        triggers = [*append_only(_KEPT), no_truncate(_KEPT)]


class ReceiptSeal(models.Model):
    """Our signature, at the time, under all receipts of a tenant until then."""

    tenant_id = models.BigIntegerField()
    last_sequence = models.BigIntegerField()
    head = models.BinaryField(max_length=_HASH_BYTES)
    """The hash of that receipt."""
    key_id = models.CharField(max_length=16)
    signature = models.BinaryField(max_length=64)
    """Ed25519 over `metering.domain.signed_texts.seal_text`."""
    sealed_at = models.DateTimeField()

    class Meta:
        db_table = "receipt_seal"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "last_sequence"], name="receipt_seal_once"
            )
        ]
        triggers = [*append_only(_KEPT), no_truncate(_KEPT)]


class ReceiptKey(models.Model):
    """A public key under which receipts were signed; kept after the key is replaced."""

    key_id = models.CharField(max_length=16, primary_key=True)
    """Begins the SHA-256 of the key, hexadecimal."""
    public_key = models.CharField(max_length=64)
    """Ed25519, 32 bytes, hexadecimal."""
    first_used_at = models.DateTimeField()

    class Meta:
        db_table = "receipt_key"
        triggers = [*append_only(_KEPT), no_truncate(_KEPT)]

    def __str__(self) -> str:
        return self.key_id


class UnsealedHour(models.Model):
    """A tenant's hour of which something was rolled up and may have no receipt yet.

    The roll-up writes it with the rollups; sealing takes it away with the receipts.
    """

    tenant_id = models.BigIntegerField()
    hour_at = models.DateTimeField()
    """The begin of the UTC hour."""
    generation = models.BigIntegerField(default=1)
    """Rises with every roll-up of the hour: sealing takes away only what it saw."""

    class Meta:
        db_table = "unsealed_hour"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_id", "hour_at"], name="unsealed_hour_once"
            )
        ]
