"""A tenant's plan as its page shows it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext

from billing.domain.charges import Charge
from billing.domain.money import nanos, percent
from billing.domain.month import MonthTerms, use_allowances
from billing.domain.periods import month_of
from billing.domain.subscriptions import whole_second
from billing.errors import UnpricedUsageError
from billing.models.invoices import Invoice, LineItem
from billing.models.plans import CouponRedemption, Plan, PlanKind, Subscription
from billing.models.rating import RatedCharge
from billing.services.advice.read_use import read_priced_use
from billing.services.rating.read_charges import plan_terms
from frontend import formatting
from frontend.formatting import amount_of_cents
from frontend.lazy import lazy as _
from frontend.limits.limit_overview import Share
from frontend.usage.meters import METER_PHRASES, METER_TITLES, line_title
from tenants.models import Tenant

_KINDS = {
    PlanKind.FREE: _("Free: calls end where its credit does"),
    PlanKind.PAY_AS_YOU_GO: _("Paid after the month"),
    PlanKind.PREPAID: _("Paid before: calls end where your credit does"),
    PlanKind.SUBSCRIPTION: _("Paid after the month"),
}
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Included:
    """A bar: what is used of what the month includes."""

    title: str
    share: Share
    is_money: bool = False


@dataclass(frozen=True, kw_only=True)
class ShownPlan:
    plan: Plan
    points: list[str]
    """What it costs besides its price, and what it includes."""
    is_held: bool = False

    @property
    def kind(self) -> str:
        return _KINDS[PlanKind(self.plan.kind)]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When a change may take place."""

    name: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class PlanOverview:
    held: Subscription | None
    """What the tenant is on, or, before its first plan begins, comes to."""
    planned: Subscription | None
    shown: ShownPlan | None
    included: list[Included]
    trial_days_left: int
    plans: list[ShownPlan]
    """That it may choose, the cheapest first."""
    draft: Invoice | None
    """Of the month that runs."""
    lines: list[tuple[str, LineItem]]
    """Of the draft, with their titles."""
    redemptions: list[CouponRedemption]

    @property
    def is_change_planned(self) -> bool:
        return bool(self.held and self.held.ends_at)


def read_plan(tenant: Tenant, now: datetime) -> PlanOverview:
    """As many queries, however many plans there are."""
    rows = _subscriptions(tenant, now)
    held, planned = _first_two(rows, now)
    offered = Plan.objects.offered(now, currency=tenant.currency)
    plans = offered.prefetch_related("allowances").order_by(
        "price_cents", "minimum_cents", "name", "pk"
    )
    trial_ends_at = held.trial_ends_at if held else None
    draft = _draft(tenant, now)
    return PlanOverview(
        held=held,
        planned=planned,
        shown=show(held.plan, is_held=True) if held else None,
        included=_read_included(rows, held, now) if held else [],
        trial_days_left=max(0, -((now - trial_ends_at) // _DAY))
        if trial_ends_at
        else 0,
        plans=[
            show(plan, is_held=bool(held and held.plan_id == plan.pk)) for plan in plans
        ],
        draft=draft,
        lines=_lines(draft) if draft else [],
        redemptions=_redemptions(tenant, now),
    )


def held_and_planned(
    tenant: Tenant, now: datetime
) -> tuple[Subscription | None, Subscription | None]:
    """The first and the second that are not over; they carry their plans."""
    return _first_two(_subscriptions(tenant, now), now)


def _subscriptions(tenant: Tenant, now: datetime) -> list[Subscription]:
    """Of this month and later, in the order of time."""
    rows = Subscription.objects.filter(tenant=tenant).select_related("plan")
    rows = rows.held_from(month_of(now).start)
    return list(rows.prefetch_related("plan__allowances"))


def _first_two(
    rows: list[Subscription], now: datetime
) -> tuple[Subscription | None, Subscription | None]:
    second = whole_second(now)
    found = [row for row in rows if row.ends_at is None or row.ends_at > second]
    return (found[0] if found else None, found[1] if found[1:] else None)


def moments_of(held: Subscription | None, now: datetime) -> list[Moment]:
    """The usual one first; a commitment leaves no choice."""
    month_end = month_of(now).end
    if held is None:
        return [Moment(name="now", at=now), Moment(name="month", at=month_end)]
    bound = held.commitment_ends_at
    if bound is not None and bound > now and held.starts_at < now:
        return [Moment(name="commitment", at=bound)]
    return [Moment(name="now", at=now), Moment(name="month", at=month_end)]


def show(plan: Plan, *, is_held: bool = False) -> ShownPlan:
    return ShownPlan(plan=plan, points=points_of(plan), is_held=is_held)


def points_of(plan: Plan) -> list[str]:
    points = [
        gettext("%(quantity)s %(meter)s of %(models)s included")
        % {
            "quantity": formatting.whole(one.quantity),
            "meter": METER_PHRASES[one.meter],
            "models": one.model or gettext("all models"),
        }
        for one in sorted(plan.allowances.all(), key=lambda one: one.pk)
    ]
    if plan.credit_cents:
        points.append(
            gettext("%(credit_cents)s of calls each month")
            % {"credit_cents": amount_of_cents(plan.credit_cents)}
        )
    if plan.trial_days:
        points.append(
            gettext("%(trial_days)s days to try it for nothing")
            % {"trial_days": plan.trial_days}
        )
    if plan.minimum_cents:
        points.append(
            gettext("At least %(minimum_cents)s a month")
            % {"minimum_cents": amount_of_cents(plan.minimum_cents)}
        )
    if plan.percentage_basis_points:
        points.append(
            gettext("%(percentage_basis_points)s %% on top of usage")
            % {"percentage_basis_points": percent(plan.percentage_basis_points)}
        )
    if plan.commitment_months:
        points.append(
            gettext(
                "At least %(commitment_cents)s over a term of"
                " %(commitment_months)s months"
            )
            % {
                "commitment_cents": amount_of_cents(plan.commitment_cents),
                "commitment_months": plan.commitment_months,
            }
        )
    return points


def _read_included(
    rows: list[Subscription], held: Subscription, now: datetime
) -> list[Included]:
    if held.plan.credit_cents:
        return [_credit(held, now)]
    if not held.plan.allowances.all():
        return []
    month = month_of(now)
    plans = [plan_terms(row, month) for row in rows if row.starts_at < month.end]
    try:
        usages = read_priced_use(held.tenant_id, month)
    except UnpricedUsageError:
        return []  # the month is not rated either, and the operator is told
    found = use_allowances(usages, MonthTerms(month=month, plans=plans))
    return [
        Included(
            title=f"{METER_TITLES[one.meter]}, {one.model or gettext('all models')}",
            share=Share(used=one.used_quantity, amount=one.quantity),
        )
        for one in sorted(found, key=lambda one: (not one.model, one.model))
        if one.quantity
    ]


def _credit(held: Subscription, now: datetime) -> Included:
    rated = RatedCharge.objects.filter(
        tenant_id=held.tenant_id, period__starts_at=month_of(now).start
    )
    return Included(
        title=gettext("Calls at list prices"),
        share=Share(
            used=sum(rated.values_list("amount_nanos", flat=True)),
            amount=nanos(held.plan.credit_cents),
        ),
        is_money=True,
    )


def _draft(tenant: Tenant, now: datetime) -> Invoice | None:
    drafts = Invoice.objects.filter(
        tenant=tenant, status="draft", period_start=month_of(now).start
    )
    return drafts.first()


def _lines(draft: Invoice) -> list[tuple[str, LineItem]]:
    return [(title_of(line), line) for line in draft.lines.in_order()]


def title_of(line: Charge | LineItem) -> str:
    return line_title(
        kind=line.kind,
        description=line.description,
        model=line.model,
        meter=line.meter,
    )


def _redemptions(tenant: Tenant, now: datetime) -> list[CouponRedemption]:
    rows = CouponRedemption.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=now), tenant=tenant
    )
    return list(rows.select_related("coupon").order_by("-redeemed_at", "-pk"))
