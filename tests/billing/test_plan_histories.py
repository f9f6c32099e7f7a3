"""Any history of plans, coupons and stepped prices comes to what a pencil says.

The pencil is `PlanStory.month_from_scratch`: it knows the acts, and nothing of how the
product keeps or derives anything. `TOKENFAB_HISTORIES=1000` walks through more of them.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from billing.domain.periods import month_of
from billing.domain.price_models import MeterPricing, PriceModel, Step, amount_of
from billing.domain.rating import METER_NAMES
from billing.errors import NoSubscriptionError
from billing.models.plans import Coupon
from billing.models.rating import BillingPeriod, RatedCharge
from billing.services.plans.cancel_subscription import cancel_subscription
from billing.services.plans.change_plan import change_plan
from billing.services.plans.keep_plans import keep_plans
from billing.services.plans.redeem_coupon import redeem_coupon
from billing.services.plans.start_subscription import start_subscription
from billing.services.prices.set_price import set_price
from metering.models import UsageRollup
from tests.billing.plans import make_coupon, make_plan
from tests.billing.test_histories import (
    HISTORIES,
    RATES,
    Story,
    check_numbers,
    issues,
    month_ends,
    notes,
    payments,
    ratings,
    rebuilds,
    uses,
    voids,
)
from tests.billing.usage import NOVEMBER
from tests.factories import make_served_model

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
NANOS_PER_CENT = 10_000_000
STEPS = {
    "output_tokens": MeterPricing(
        PriceModel.GRADUATED,
        steps=(Step(1_000_000, 400_000_000, 7), Step(None, 100_000_001)),
    )
}
PLANS = (
    {"price_cents": 29_99, "trial_days": 3},
    {"price_cents": 0, "minimum_cents": 4_01, "percentage_basis_points": 333},
    {
        "price_cents": 100_00,
        "minimum_cents": 100_07,
        "allowances": [("", "output_tokens", 3_000_001), ("m1", "output_tokens", 999)],
    },
)
COUPONS = ({"percent_basis_points": 1_234}, {"amount_cents": 3_33, "months": 1})

tenants = st.integers(0, 1)
plans = st.tuples(
    st.just("plan"), tenants, st.integers(0, len(PLANS) - 1), st.booleans()
)
cancels = st.tuples(st.just("cancel"), tenants, st.booleans())
coupons = st.tuples(st.just("coupon"), tenants, st.integers(0, len(COUPONS) - 1))
waits = st.tuples(st.just("wait"), st.integers(1, 500))


def half_up(amount):
    return floor(amount + Fraction(1, 2))


class PlanStory(Story):
    """With three plans and two coupons; `held` is its own book of who had which."""

    def __init__(self):
        super().__init__(is_tax_inclusive=False)
        self.prices[1] = set_price(
            served_model=make_served_model(name="stepped", is_default=False),
            rates=self.prices[1].rates,
            pricings=STEPS,
            effective_from=NOVEMBER,
            now=NOVEMBER,
        )
        self.plans = [make_plan(**terms) for terms in PLANS]
        self.coupons = [make_coupon(**terms) for terms in COUPONS]
        self.held = defaultdict(list)
        self.redeemed: dict[int, dict[Coupon, datetime]] = defaultdict(dict)

    def plan(self, tenant, index, is_at_month_end):
        plan, at = self.plans[index], self._at(is_at_month_end)
        row = {"tenant_id": self.tenants[tenant].pk, "plan": plan, "now": self.now}
        try:
            change_plan(**row, at=at)
        except NoSubscriptionError:
            start_subscription(**row, starts_at=at)
        spans = self.held[tenant]
        current = [
            one
            for one in spans
            if one[1] <= self.now and (one[2] is None or self.now < one[2])
        ]
        if current and current[0][0] is plan:
            current[0][2] = None
            self.held[tenant] = [one for one in spans if one[1] <= self.now]
        else:
            self._cut(tenant, at)
            self.held[tenant].append([plan, at, None])

    def cancel(self, tenant, is_at_month_end):
        at = self._at(is_at_month_end)
        try:
            cancel_subscription(tenant_id=self.tenants[tenant].pk, now=self.now, at=at)
        except NoSubscriptionError:
            return
        self._cut(tenant, at)

    def coupon(self, tenant, index):
        coupon = self.coupons[index]
        redeem_coupon(tenant_id=self.tenants[tenant].pk, code=coupon.code, now=self.now)
        self.redeemed[tenant].setdefault(coupon, self.now)

    def wait(self, hours):
        self.now += timedelta(hours=hours)
        keep_plans(now=self.now)

    def _at(self, is_at_month_end):
        return month_of(self.now).end if is_at_month_end else self.now

    def _cut(self, tenant, at):
        kept = [one for one in self.held[tenant] if one[1] < at]
        for one in kept:
            one[2] = at if one[2] is None else min(one[2], at)
        self.held[tenant] = kept

    def month_from_scratch(self, tenant, start):
        """What the tenant's month comes to, with fractions until each rounding."""
        month = month_of(start)
        spans = list(self._spans(tenant, month))
        fixed = [
            half_up(plan.price_cents * NANOS_PER_CENT * paid) for plan, _, paid in spans
        ]
        used = list(self._used(tenant, month, spans))
        percent = half_up(
            sum(used)
            * sum(
                Fraction(plan.percentage_basis_points, 10_000) * paid
                for plan, _, paid in spans
            )
        )
        charges = [*fixed, *used, percent]
        minimum = sum(
            half_up(plan.minimum_cents * NANOS_PER_CENT * paid)
            for plan, _, paid in spans
        )
        lacking = max(0, minimum - sum(charges))
        return self._discounted(tenant, month, charges) + lacking

    def _spans(self, tenant, month):
        """(plan, share of the month, share of it that is paid)"""
        length, tried = month.end - month.start, set()
        for plan, start, end in self.held[tenant]:
            paid_from = start
            if plan.trial_days and plan not in tried:
                paid_from += timedelta(days=plan.trial_days)
                tried.add(plan)
            last = min(end or month.end, month.end)
            held, paid = (
                max(0, (last - max(begin, month.start)) // SECOND)
                for begin in (start, paid_from)
            )
            if held:
                whole = length // SECOND
                yield plan, Fraction(held, whole), Fraction(paid, whole)

    def _used(self, tenant, month, spans):
        free: dict[tuple[str, str], int] = defaultdict(int)
        for plan, held, _ in spans:
            for one in plan.allowances.all():
                free[one.model, one.meter] += floor(one.quantity * held)
        sums: dict[tuple[str, int, int], int] = defaultdict(int)
        rows = UsageRollup.objects.filter(tenant_id=self.tenants[tenant].pk)
        for row in rows.between(month.start, month.end):
            if row.meter in METER_NAMES:
                place = METER_NAMES.index(row.meter)
                sums[row.model, row.price_version_id, place] += row.quantity
        pricings = {price.pk: price.price for price in self.prices}
        for (model, version, place), quantity in sorted(sums.items()):
            meter = METER_NAMES[place]
            paid = quantity
            for name in (model, ""):
                taken = min(free[name, meter], paid)
                free[name, meter] -= taken
                paid -= taken
            pricing = pricings[version].pricing_of(meter)
            assert pricing is not None
            yield amount_of(pricing, paid)

    def _discounted(self, tenant, month, charges):
        """In total: percents of each charge, then an amount from all."""
        redeemed = [
            coupon
            for coupon, at in self.redeemed[tenant].items()
            if month_of(at).start <= month.start
            and (not coupon.months or month_of(at) == month)
        ]
        for coupon in redeemed:
            off = Fraction(coupon.percent_basis_points, 10_000)
            charges = [one - half_up(one * off) for one in charges]
        total = sum(charges)
        for coupon in redeemed:
            total -= min(total, coupon.amount_cents * NANOS_PER_CENT)
        return total


@pytest.mark.usefixtures("valkey")
@settings(
    max_examples=HISTORIES,
    deadline=None,
    # One transaction for each example makes the database a fresh one.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.one_of(
            *(uses, uses, uses, plans, plans, cancels, coupons, waits, waits),
            # Not `losses`: receipts know nothing of them, and then nothing is issued.
            *(ratings, issues, month_ends, rebuilds, notes, voids, payments),
        ),
        max_size=25,
    )
)
@example([("plan", 1, 1, False), ("plan", 1, 1, False)])
def test_no_history_loses_or_invents_a_nanos(acts):
    with transaction.atomic():
        story = PlanStory()
        for act in [*acts, ("wait", 1), ("rate",)]:
            story.act(*act)

        for number, tenant in enumerate(story.tenants):
            for period in BillingPeriod.objects.filter(tenant=tenant):
                rated = RatedCharge.objects.filter(period=period)
                amounts = rated.values_list("amount_nanos", flat=True)
                assert sum(amounts) == story.month_from_scratch(
                    number, period.starts_at
                )
        check_numbers()
        transaction.set_rollback(True)


def test_the_prices_are_of_both_kinds():
    """Else the histories would not try steps."""
    assert len(RATES) == 3
    story = PlanStory()
    pricings = [price.price.pricing_of("output_tokens") for price in story.prices]
    assert {pricing.model for pricing in pricings if pricing} == {
        PriceModel.STANDARD,
        PriceModel.GRADUATED,
    }
