"""The books of KV leases: what engines said of them, and what that comes to."""

from datetime import timedelta
from typing import Self

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from inference.domain.lease_receipt import Fact
from inference.domain.lease_terms import Tier
from inference.models import Engine
from tenants.append_only import no_truncate, refusing

RECEIPTS_KEPT = timedelta(days=90)
"""At least, by the database's clock: as long as somebody may doubt an invoice of last
month, and far longer than a lease waits for its usage event. The intervals stay."""
_KEPT = "lease receipts are kept"


class LeaseReceipt(models.Model):
    """One numbered fact of an engine about a lease, as it was told; or, where an engine
    can say no more, what follows for the lease (`is_inferred`).
    """

    engine = models.ForeignKey(
        Engine, models.PROTECT, related_name="lease_receipts", db_index=False
    )
    epoch = models.CharField(max_length=128)
    """One life of the engine; what an earlier one held is lost."""
    sequence = models.BigIntegerField()
    """The engine's number, from 1 in each epoch; of an inferred fact, the last number
    that was known then."""
    is_inferred = models.BooleanField(default=False)
    """True: the engine never said it."""
    fact = models.CharField(max_length=16, choices=[(f.value, f.value) for f in Fact])
    lease_id = models.CharField(max_length=128)
    """As the engine was told it."""
    tenant_id = models.CharField(max_length=128)
    """As the engine was told it."""
    tier = models.CharField(max_length=16, choices=[(t.value, t.value) for t in Tier])
    """Where it lies after this fact, or lay before its end."""
    tokens = models.BigIntegerField()
    bytes = models.BigIntegerField()
    """In that tier."""
    at_ms = models.BigIntegerField()
    """Milliseconds since the epoch by the engine's clock."""
    until_ms = models.BigIntegerField()
    """When its time in that tier ends, grace included; of an end: its own time."""
    host_until_ms = models.BigIntegerField(default=0)
    """When host memory lets go of it, grace included; 0: it is not kept there."""
    reason = models.CharField(max_length=32, blank=True, default="")
    previous_lease_id = models.CharField(max_length=128, blank=True, default="")
    stored_at = models.DateTimeField(db_default=Now())
    """The collector wrote this row."""

    class Meta:
        db_table = "lease_receipt"
        constraints = [
            models.UniqueConstraint(
                fields=["engine", "epoch", "sequence"],
                condition=Q(is_inferred=False),
                name="lease_receipt_once",
            ),
            models.UniqueConstraint(
                fields=["engine", "epoch", "lease_id", "fact", "sequence"],
                condition=Q(is_inferred=True),
                name="lease_receipt_inferred_once",
            ),
            models.CheckConstraint(
                condition=Q(sequence__gte=0, tokens__gte=0, bytes__gte=0),
                name="lease_receipt_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(fact__in=[fact.value for fact in Fact]),
                name="lease_receipt_fact_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_id", "engine", "epoch"], name="lease_receipt_of_lease"
            ),
            # Rows come in the order of this column: a few pages, whatever their number.
            BrinIndex(fields=["stored_at"], name="lease_receipt_by_age"),
        ]
        triggers = [
            refusing(pgtrigger.Update, name="never_changed", saying=_KEPT),
            refusing(
                pgtrigger.Delete,
                name="kept_for_days",
                saying=_KEPT,
                condition=pgtrigger.Condition(
                    f"OLD.stored_at > now() - interval '{RECEIPTS_KEPT.days} days'"
                ),
            ),
            no_truncate(_KEPT),
        ]

    def __str__(self) -> str:
        return f"{self.fact} {self.lease_id}"


class LeaseCursor(models.Model):
    """How far one engine's receipts are in the books; moves with the rows."""

    engine = models.OneToOneField(
        Engine, models.PROTECT, primary_key=True, related_name="lease_cursor"
    )
    epoch = models.CharField(max_length=128, blank=True, default="")
    """Empty: the engine has told nothing yet."""
    sequence = models.BigIntegerField(default=0)
    """The last number of this epoch that is dealt with."""
    proven_ms = models.BigIntegerField(default=0)
    """Milliseconds since the epoch: all that happened until then is in the books."""
    gap_proven_ms = models.BigIntegerField(null=True)
    """Receipts are missing that were written after this time, and the leases of the
    engine are unverified; null: none are."""

    class Meta:
        db_table = "lease_cursor"
        constraints = [
            models.CheckConstraint(
                condition=Q(sequence__gte=0), name="lease_cursor_not_negative"
            )
        ]


class LeaseState(models.TextChoices):
    HELD = "held"
    REUSED = "reused"
    EXPIRED = "expired"
    RELEASED = "released"
    REVOKED = "revoked"
    LOST = "lost"


class LeaseQuerySet(QuerySet["Lease"]):
    def held(self) -> Self:
        return self.filter(state=LeaseState.HELD)

    def unmeasured(self) -> Self:
        """Ended, and not yet told to metering."""
        return self.filter(is_measured=False).exclude(state=LeaseState.HELD)


class Lease(models.Model):
    """What the receipts of one lease come to: a cache, for lists and for work that
    waits. The receipts decide.
    """

    lease_id = models.UUIDField()
    engine = models.ForeignKey(Engine, models.PROTECT, related_name="leases")
    epoch = models.CharField(max_length=128)
    tenant_id = models.CharField(max_length=128)
    """As the engine was told it."""
    state = models.CharField(max_length=16, choices=LeaseState)
    tier = models.CharField(max_length=16, choices=[(t.value, t.value) for t in Tier])
    tokens = models.BigIntegerField()
    bytes = models.BigIntegerField()
    granted_sequence = models.BigIntegerField()
    granted_ms = models.BigIntegerField()
    """Milliseconds since the epoch by the engine's clock, as those below."""
    until_ms = models.BigIntegerField()
    """When its time in this tier ends, grace included."""
    ended_ms = models.BigIntegerField(null=True)
    """Null: it is held."""
    is_measured = models.BooleanField(default=False)
    """Its intervals are in the books of metering."""

    objects = LeaseQuerySet.as_manager()

    class Meta:
        db_table = "lease"
        constraints = [
            models.UniqueConstraint(
                fields=["lease_id", "engine", "epoch"], name="lease_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=LeaseState.values), name="lease_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=LeaseState.HELD, ended_ms__isnull=True)
                | (~Q(state=LeaseState.HELD) & Q(ended_ms__isnull=False)),
                name="lease_ended_or_held",
            ),
        ]
        indexes = [
            models.Index(
                fields=["engine", "epoch"],
                condition=Q(state="held"),
                name="lease_held_by_engine",
            ),
            models.Index(
                F("ended_ms"),
                condition=~Q(state="held") & Q(is_measured=False),
                name="lease_to_measure",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lease_id.hex} ({self.state})"
