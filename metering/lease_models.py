"""What was held for whom: the evidence of each charge for a lease."""

from datetime import datetime
from typing import Self

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from metering.domain.lease_intervals import METERS
from tenants.append_only import append_only, no_truncate

_KEPT = "lease intervals are kept"


class LeaseIntervalQuerySet(QuerySet["LeaseInterval"]):
    def of_tenant(self, tenant_id: int) -> Self:
        return self.filter(tenant_id=tenant_id)

    def between(self, start: datetime, end: datetime) -> Self:
        """Those that ended in [start, end), which is when they are charged."""
        return self.filter(ended_at__gte=start, ended_at__lt=end)

    def charged(self) -> Self:
        return self.filter(credit_reason="")


class LeaseInterval(models.Model):
    """A time through which one lease lay in one tier. Who pays, and at which price, is
    what the usage event of the call says that bought the lease.
    """

    tenant_id = models.BigIntegerField()
    project_id = models.BigIntegerField()
    api_key_id = models.BigIntegerField()
    model = models.TextField()
    """Public name of the served model."""
    price_version_id = models.BigIntegerField()
    event_id = models.UUIDField()
    """Of the usage event of that call."""
    lease_id = models.UUIDField()
    engine_id = models.BigIntegerField()
    epoch = models.TextField()
    """One life of the engine."""
    tier = models.TextField(choices=[(tier, tier) for tier in METERS])
    bytes = models.BigIntegerField()
    started_at = models.DateTimeField()
    """By the engine's clock, to the millisecond, as the end."""
    ended_at = models.DateTimeField()
    """Decides the hour and month it counts to."""
    first_sequence = models.BigIntegerField()
    """Of the lease receipts that prove it."""
    last_sequence = models.BigIntegerField()
    mb_s = models.BigIntegerField()
    """10^6 byte-seconds, rounded down."""
    credit_reason = models.TextField(blank=True, default="", db_default="")
    """Why nothing is charged for it: an engine lost the lease. Empty: it is charged."""
    stored_at = models.DateTimeField(db_default=Now())

    objects = LeaseIntervalQuerySet.as_manager()

    class Meta:
        db_table = "lease_interval"
        indexes = [
            models.Index(
                fields=["tenant_id", "ended_at"], name="lease_interval_tenant_time"
            ),
            # For an hour of all tenants: rows come in this order, or nearly.
            BrinIndex(fields=["ended_at"], name="lease_interval_time"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["lease_id", "engine_id", "epoch", "started_at"],
                name="lease_interval_once",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__gt=F("started_at"), bytes__gte=0, mb_s__gte=0),
                name="lease_interval_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(tier__in=list(METERS)), name="lease_interval_tier_known"
            ),
        ]
        triggers = [*append_only(_KEPT), no_truncate(_KEPT)]

    def __str__(self) -> str:
        return f"{self.lease_id.hex} in {self.tier} until {self.ended_at:%H:%M:%S}"
