"""Which months of a tenant are rated, and what they came to."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q, QuerySet

from billing.domain.periods import Period, month_of
from tenants.models import Tenant


class BillingPeriodQuerySet(QuerySet["BillingPeriod"]):
    def changed(self) -> Self:
        """Since they were last rated."""
        return self.filter(generation__gt=F("rated_generation"))

    def to_rate(self, now: datetime) -> Self:
        """Changed, and not put off after a failure; failed ones come last."""
        return (
            self.changed()
            .filter(Q(rate_after__isnull=True) | Q(rate_after__lte=now))
            .order_by(F("rate_after").asc(nulls_first=True), "id")
        )


class BillingPeriod(models.Model):
    """One tenant's calendar month (UTC) in which something was used.

    A trigger on the usage rollups writes `generation` in the transaction that changes
    them, so that no late usage can be missed, and rating finds its work by an index.
    """

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="billing_periods", db_constraint=False
    )
    """Without a constraint: a rollup is a fact even if it names a tenant that is not
    there. Rating then refuses it, instead of the trigger stopping the roll-up."""
    starts_at = models.DateTimeField()
    """The begin of the month."""
    generation = models.BigIntegerField(db_default=1)
    """Rises with every change of the month's rollups."""
    rated_generation = models.BigIntegerField(db_default=0)
    """The generation that the rated usage shows, or more."""
    revision = models.BigIntegerField(db_default=0)
    """Number of ledger transactions that rating this month has booked."""
    rated_at = models.DateTimeField(null=True, blank=True)
    """When it was last rated; null: never yet."""
    rate_after = models.DateTimeField(null=True, blank=True)
    """Null: as soon as it changed. Else rating failed, and is tried again then."""
    goodwill_covered_nanos = models.BigIntegerField(default=0, db_default=0)
    """What is billed more than the month comes to, and is not owed either, since
    goodwill let go of it before."""
    problem = models.TextField(db_default="", blank=True)
    """Why rating failed; empty: it did not."""

    objects = BillingPeriodQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "starts_at"], name="billing_period_once"
            ),
            models.UniqueConstraint(
                fields=["id", "tenant"], name="billing_period_of_tenant"
            ),
            models.CheckConstraint(
                condition=Q(goodwill_covered_nanos__gte=0),
                name="billing_period_covered_not_negative",
            ),
        ]
        indexes = [
            models.Index(
                fields=["rate_after", "id"],
                condition=Q(generation__gt=F("rated_generation")),
                name="billing_period_to_rate",
            )
        ]

    def __str__(self) -> str:
        return f"{self.tenant.name}, {self.starts_at:%Y-%m}"

    @property
    def span(self) -> Period:
        return month_of(self.starts_at)


class RatedCharge(models.Model):
    """What one charge of a month came to so far.

    A cache of what `billing.domain.month` says of the rollups, plans and coupons:
    rating replaces it.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="rated_charges")
    period = models.ForeignKey(
        BillingPeriod, models.PROTECT, related_name="charges", db_constraint=False
    )
    """Guarded by a key together with the tenant (migration 0002)."""
    key = models.CharField(max_length=60)
    """Of `billing.domain.charges`."""
    quantity = models.BigIntegerField()
    """Tokens, images or MB_s, as the meter says; of a plan, seconds; else 1."""
    amount_nanos = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["period", "key"], name="rated_charge_once"),
            models.CheckConstraint(
                condition=Q(quantity__gte=0, amount_nanos__gte=0),
                name="rated_charge_not_negative",
            ),
        ]
