"""What a tenant's month comes to, from the rollups, prices, plans and coupons."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q, Subquery, Sum

from billing.domain.charges import Charge
from billing.domain.money import nanos
from billing.domain.month import (
    Allowance,
    Commitment,
    CouponTerms,
    MonthTerms,
    PlanTerms,
    charge_month,
)
from billing.domain.periods import Period
from billing.domain.rating import Price, PricedUsage, Usage, find_pricings
from billing.models.plans import CouponRedemption, Subscription
from billing.models.prices import PriceVersion
from billing.models.rating import RatedCharge
from metering.models import UsageRollup
from tenants.models import Tenant


def read_charges(
    tenant_id: int, month: Period, *, until: datetime | None = None
) -> list[Charge]:
    """Of the month, or of its hours that begin before `until`. Raises
    UnpricedUsageError.
    """
    span = month.until(until or month.end)
    terms = read_terms(tenant_id, month)
    return charge_month(read_usages(tenant_id, span), terms, until=until)


def read_usages(tenant_id: int, span: Period) -> list[PricedUsage]:
    """Raises UnpricedUsageError."""
    rollups = UsageRollup.objects.of_tenant(tenant_id).between(span.start, span.end)
    usages = [Usage(**row) for row in rollups.totals("model", "price_version_id")]
    prices = read_prices(tenant_id, {usage.price_version_id for usage in usages})
    return find_pricings(usages, prices)


def read_terms(tenant_id: int, month: Period) -> MonthTerms:
    return MonthTerms(
        month=month,
        plans=tuple(_plans(tenant_id, month)),
        coupons=read_coupons(tenant_id, month),
    )


def read_prices(tenant_id: int, ids: set[int]) -> dict[int, Price]:
    """What was agreed with another tenant is no price of this one, and neither is one
    in another currency.
    """
    versions = PriceVersion.objects.filter(
        Q(price_book__tenant__isnull=True) | Q(price_book__tenant_id=tenant_id),
        price_book__currency=Subquery(
            Tenant.objects.filter(pk=tenant_id).values("currency")
        ),
        pk__in=ids,
    ).select_related("served_model")
    return {version.pk: version.price for version in versions}


def _plans(tenant_id: int, month: Period) -> Iterator[PlanTerms]:
    held = Subscription.objects.filter(tenant_id=tenant_id)
    rows = held.overlapping(month.start, month.end).select_related("plan")
    for row in rows.prefetch_related("plan__allowances").order_by("starts_at"):
        yield plan_terms(row, month)


def plan_terms(row: Subscription, month: Period) -> PlanTerms:
    """Also of a row that is not stored; its id is then 0."""
    plan = row.plan
    return PlanTerms(
        subscription_id=row.pk or 0,
        name=plan.name,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        trial_ends_at=row.trial_ends_at,
        price_nanos=nanos(plan.price_cents),
        minimum_nanos=nanos(plan.minimum_cents),
        percentage_basis_points=plan.percentage_basis_points,
        allowances=tuple(
            Allowance(model=one.model, meter=one.meter, quantity=one.quantity)
            for one in plan.allowances.all()
        ),
        commitment=_commitment(row, month),
    )


def _commitment(row: Subscription, month: Period) -> Commitment | None:
    """Only in the month in which the term ends: the others need not know."""
    ends_at = row.commitment_ends_at
    if ends_at is None or not month.start < ends_at <= month.end:
        return None
    earlier = RatedCharge.objects.filter(
        tenant_id=row.tenant_id,
        period__starts_at__gte=row.starts_at.replace(
            day=1, hour=0, minute=0, second=0, microsecond=0
        ),
        period__starts_at__lt=month.start,
    )
    return Commitment(
        amount_nanos=nanos(row.plan.commitment_cents),
        ends_at=ends_at,
        spent_before_nanos=int(
            earlier.aggregate(total=Sum("amount_nanos"))["total"] or 0
        ),
    )


def read_coupons(tenant_id: int, month: Period) -> list[CouponTerms]:
    """Of the month, in the order in which they were redeemed."""
    rows = CouponRedemption.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=month.start),
        tenant_id=tenant_id,
        starts_at__lt=month.end,
    ).select_related("coupon")
    return [
        CouponTerms(
            percent_basis_points=row.coupon.percent_basis_points,
            amount_nanos=nanos(row.coupon.amount_cents),
        )
        for row in rows.order_by("redeemed_at", "pk")
    ]
