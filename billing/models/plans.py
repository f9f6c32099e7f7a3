"""Plans, and which tenant holds which from when to when."""

from datetime import datetime
from typing import Self

import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q, QuerySet

from billing.domain.periods import add_months
from billing.domain.rating import METER_NAMES
from billing.models.price_books import PriceBook
from tenants.append_only import append_only, no_truncate
from tenants.domain.currency import CURRENCIES, USD
from tenants.models import Tenant

# A percentage has no currency, so no key can say it.
_IN_THE_TENANTS_CURRENCY = """
IF EXISTS (
    SELECT 1 FROM billing_coupon c, tenants_tenant t
    WHERE c.id = NEW.coupon_id AND t.id = NEW.tenant_id
        AND c.amount_cents > 0 AND c.currency <> t.currency)
THEN
    RAISE EXCEPTION 'coupon % is of another currency', NEW.coupon_id
        USING ERRCODE = 'check_violation';
END IF;
RETURN NEW;
"""


class PlanKind(models.TextChoices):
    """How a tenant on the plan pays."""

    FREE = "free"
    PAY_AS_YOU_GO = "pay_as_you_go"
    PREPAID = "prepaid"
    """Its credit, and no more."""
    SUBSCRIPTION = "subscription"


class PlanQuerySet(QuerySet["Plan"]):
    def offered(self, now: datetime, *, currency: str) -> Self:
        """Which a tenant that pays in that currency may choose by itself."""
        return self.current(now).filter(is_public=True, currency=currency)

    def current(self, now: datetime) -> Self:
        """On which somebody may still be put."""
        return self.filter(Q(withdrawn_at__isnull=True) | Q(withdrawn_at__gt=now))


class Plan(models.Model):
    """A named offer. Its terms never change: another price is another plan, and the old
    one is withdrawn. Only which book prices its usage may (`PlanBookChange` keeps it).
    """

    code = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=16, choices=PlanKind)
    currency = models.CharField(
        max_length=3,
        choices=[(code, code) for code in CURRENCIES],
        default=USD,
        db_default=USD,
    )
    """Of its amounts, of its book and of the tenants on it, each by a key together
    (migration)."""
    price_cents = models.BigIntegerField(default=0)
    """Of a month, paid at its end for the part in which the plan was held."""
    minimum_cents = models.BigIntegerField(default=0)
    """Of a month, before discounts; shared out like the price."""
    commitment_cents = models.BigIntegerField(default=0)
    """What `commitment_months` come to at least, all together."""
    commitment_months = models.PositiveSmallIntegerField(default=0)
    credit_cents = models.BigIntegerField(default=0)
    """Of a free plan: credit that each calendar month brings, and that ends with it.
    Whoever is on it has that to spend, and what credit it bought, and no more."""
    percentage_basis_points = models.PositiveIntegerField(default=0)
    """On top of what usage comes to: 250 is 2.5 %."""
    price_book = models.ForeignKey(
        PriceBook,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="plans",
        limit_choices_to={"tenant__isnull": True},
    )
    """Where usage is priced before the list; a book of one tenant is none for a plan.
    Null: by the list."""
    trial_days = models.PositiveSmallIntegerField(default=0)
    """From a subscription's start: price, minimum and percentage begin after it."""
    is_public = models.BooleanField(default=True)
    """Tenants may choose it; else staff put them on it."""
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    """From when nobody is put on it any more; null: it is offered."""
    created_at = models.DateTimeField()

    objects = PlanQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=PlanKind.values), name="plan_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(credit_cents=0) | Q(kind="free", credit_cents__gt=0),
                name="plan_credit_is_of_free_plans",
            ),
            models.CheckConstraint(
                condition=~Q(kind="free")
                | Q(
                    price_cents=0,
                    minimum_cents=0,
                    commitment_cents=0,
                    percentage_basis_points=0,
                ),
                name="plan_free_costs_nothing",
            ),
            models.CheckConstraint(
                condition=Q(
                    price_cents__gte=0, minimum_cents__gte=0, commitment_cents__gte=0
                ),
                name="plan_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(commitment_cents=0, commitment_months=0)
                | Q(commitment_cents__gt=0, commitment_months__gt=0),
                name="plan_commitment_has_months",
            ),
            models.CheckConstraint(
                condition=Q(currency__in=CURRENCIES), name="plan_currency_known"
            ),
            models.UniqueConstraint(fields=["id", "currency"], name="plan_of_currency"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_prepaid(self) -> bool:
        """Whoever is on it spends its credit and no more."""
        return self.kind in (PlanKind.FREE, PlanKind.PREPAID)


class PlanAllowance(models.Model):
    """What a month of a plan includes of one meter; shared out like the price."""

    plan = models.ForeignKey(Plan, models.CASCADE, related_name="allowances")
    model = models.CharField(max_length=100, blank=True)
    """Public name; empty: of all models together."""
    meter = models.CharField(max_length=32, choices=[(m, m) for m in METER_NAMES])
    quantity = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["plan", "model", "meter"], name="plan_allowance_once"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gt=0), name="plan_allowance_positive"
            ),
            models.CheckConstraint(
                condition=Q(meter__in=METER_NAMES), name="plan_allowance_meter_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.meter} of {self.model or 'all models'}"


class SubscriptionQuerySet(QuerySet["Subscription"]):
    def overlapping(self, start: datetime, end: datetime) -> Self:
        """Those held at some time in [start, end)."""
        return self.filter(
            Q(ends_at__isnull=True) | Q(ends_at__gt=start), starts_at__lt=end
        )

    def held_at(self, at: datetime) -> Self:
        """At most one of each tenant."""
        return self.filter(
            Q(ends_at__isnull=True) | Q(ends_at__gt=at), starts_at__lte=at
        )

    def held_from(self, at: datetime) -> Self:
        """Those held then or later, in the order of time."""
        rows = self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at))
        return rows.order_by("starts_at")

    def to_apply(self, now: datetime) -> Self:
        """Those that began and of whose plan the data plane does not know yet."""
        return self.filter(applied_at__isnull=True, starts_at__lte=now)


class Subscription(models.Model):
    """A tenant on a plan over a half-open span of time."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="subscriptions")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="subscriptions")
    currency = models.CharField(max_length=3, default=USD, db_default=USD)
    """The plan's and the tenant's, each by a key together (migration)."""
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    """Null: until it is changed."""
    trial_ends_at = models.DateTimeField(null=True, blank=True)
    """Null: there is, and was, no trial. A tenant has one trial of a plan at most."""
    applied_at = models.DateTimeField(null=True, blank=True)
    """When the tenant was put on the plan's terms; null: it has not begun yet."""
    created_at = models.DateTimeField()

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="subscriptions_do_not_overlap",
                expressions=[
                    ("tenant", RangeOperators.EQUAL),
                    (
                        Func(
                            F("starts_at"),
                            F("ends_at"),
                            function="TSTZRANGE",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="subscription_span_not_empty",
            ),
        ]
        indexes = [
            models.Index(
                fields=["starts_at"],
                condition=Q(applied_at__isnull=True),
                name="subscription_to_apply",
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan.name} since {self.starts_at:%Y-%m-%d}"

    @property
    def commitment_ends_at(self) -> datetime | None:
        """Before it the plan is not left; None: it may be at any time."""
        if not self.plan.commitment_months:
            return None
        return add_months(self.starts_at, self.plan.commitment_months)


class Coupon(models.Model):
    """What a code takes off, and for how long."""

    code = models.CharField(max_length=40, unique=True)
    """Upper case; what people type in."""
    name = models.CharField(max_length=100)
    """As lines and pages say it."""
    percent_basis_points = models.PositiveIntegerField(default=0)
    """Off each line: 1,000 is 10 %."""
    amount_cents = models.BigIntegerField(default=0)
    """Off a month, at most what it comes to. One of the two is set."""
    currency = models.CharField(
        max_length=3,
        choices=[(code, code) for code in CURRENCIES],
        default=USD,
        db_default=USD,
    )
    """Of the amount, and of the tenants that may redeem it; a percentage is of any."""
    months = models.PositiveSmallIntegerField(null=True, blank=True)
    """Calendar months, the first one included; null: for ever."""
    redemptions_max = models.PositiveIntegerField(null=True, blank=True)
    """Null: any number of tenants."""
    redeem_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    percent_basis_points__gt=0,
                    percent_basis_points__lte=10_000,
                    amount_cents=0,
                )
                | Q(percent_basis_points=0, amount_cents__gt=0),
                name="coupon_takes_one_thing_off",
            ),
            models.CheckConstraint(
                condition=Q(currency__in=CURRENCIES), name="coupon_currency_known"
            ),
        ]

    def __str__(self) -> str:
        return self.code


class CouponRedemption(models.Model):
    """A tenant's use of a coupon: it holds for whole months."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="redemptions")
    coupon = models.ForeignKey(Coupon, models.PROTECT, related_name="redemptions")
    starts_at = models.DateTimeField()
    """The begin of the first month that it lowers."""
    ends_at = models.DateTimeField(null=True)
    """The end of the last one; null: none."""
    redeemed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "coupon"], name="coupon_redeemed_once"
            )
        ]
        triggers = [
            *append_only(),
            no_truncate(),
            pgtrigger.Trigger(
                name="in_the_tenants_currency",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                func=_IN_THE_TENANTS_CURRENCY,
            ),
        ]
