"""What the month is likely to come to, by the function that bills it."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.forecast import Method
from billing.domain.periods import month_of
from billing.services.advice.forecast_month import forecast_month
from billing.services.plans.redeem_coupon import redeem_coupon
from billing.services.plans.start_subscription import start_subscription
from billing.services.rating.read_charges import read_charges
from tests.billing.credit import give
from tests.billing.plans import make_coupon, make_plan
from tests.billing.usage import NOVEMBER, make_price
from tests.factories import make_api_key, make_project, make_served_model
from tests.frontend.believable import call, record

USD = 1_000_000_000
DAY = timedelta(days=1)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
OUTPUT = {"input_tokens": 0, "cached_input_tokens": 0}
"""2.5 million output tokens are 1 USD."""


@pytest.fixture
def api_key(tenant):
    return make_api_key(project=make_project(tenant=tenant))[0]


def foreseen(tenant, *, now):
    return forecast_month(tenant, now=now)


def daily(api_key, price, *, days, tokens=2_500_000, until=NOW):
    """So many output tokens at noon of each of the days before `until`."""
    record(
        [
            call(
                api_key,
                price,
                until - n * DAY - DAY / 2,
                output_tokens=tokens,
                cost_nanos=tokens * 400,
                **OUTPUT,
            )
            for n in range(days)
        ],
        NOW,
    )


def test_it_works(tenant, api_key, price):
    """A dollar a day since the 10th: 11 so far, 10 days are left."""
    daily(api_key, price, days=11)

    found = foreseen(tenant, now=NOW)

    assert found.so_far_nanos == 11 * USD
    assert found.end.at == month_of(NOW).end
    assert found.end.point_nanos == 21 * USD
    assert found.end.low_nanos == found.end.high_nanos == 21 * USD
    assert found.expectation.method is Method.MEAN
    assert [one.calls_nanos for one in found.future] == [n * USD for n in range(12, 22)]
    assert [one.point_nanos for one in found.past[-3:]] == [9 * USD, 10 * USD, 11 * USD]


def test_plans_are_billed_with_it(tenant, api_key, price):
    """30 USD a month include 10 of 21 million tokens' dollars; a tenth is let go."""
    plan = make_plan(allowances=[("", "output_tokens", 25_000_000)])
    start_subscription(tenant_id=tenant.pk, plan=plan, now=NOVEMBER)
    redeem_coupon(tenant_id=tenant.pk, code=make_coupon().code, now=NOVEMBER)
    daily(api_key, price, days=11)

    found = foreseen(tenant, now=NOW)

    assert found.end.point_nanos == (30 + 11) * USD * 9 // 10
    assert sum(one.amount_nanos for one in found.charges) == found.end.point_nanos
    billed = read_charges(tenant.pk, month_of(NOW))
    assert found.so_far_nanos == sum(one.amount_nanos for one in billed)


def test_days_that_differ_make_a_range(tenant, api_key, price):
    daily(api_key, price, days=6)
    daily(api_key, price, days=3)

    end = foreseen(tenant, now=NOW).end

    assert 0 < end.low_nanos < end.point_nanos < end.high_nanos


def test_the_month_before_counts_as_days_before(tenant, api_key, price):
    second = NOVEMBER + DAY
    daily(api_key, price, days=10, until=second)

    found = foreseen(tenant, now=second)

    assert found.so_far_nanos == 1 * USD
    assert found.end.point_nanos == 30 * USD


def test_what_is_no_longer_sold_is_not_expected(tenant, api_key, price):
    old = make_price(
        make_served_model(name="old", is_default=False), effective_to=NOW - 2 * DAY
    )
    daily(api_key, price, days=5)
    daily(api_key, old, days=3, until=NOW - 3 * DAY)

    found = foreseen(tenant, now=NOW)

    assert found.so_far_nanos == 8 * USD
    models = {one.model for one in found.charges if one.quantity > 10_000_000}
    assert models == {price.served_model.name}


def test_credit_pays_first(tenant, api_key, price):
    give(tenant, 15 * USD)
    daily(api_key, price, days=11)

    found = foreseen(tenant, now=NOW)

    assert (found.credit_used_nanos, found.to_pay_nanos) == (15 * USD, 6 * USD)


def test_it_says_when_a_budget_is_reached(tenant, api_key, price):
    daily(api_key, price, days=11)

    found = foreseen(tenant, now=NOW)

    assert found.reaches(10 * USD) == NOW - DAY
    assert found.reaches(14 * USD) == NOW + 3 * DAY
    assert found.reaches(22 * USD) is None


@pytest.mark.parametrize("days", [0, 2])
def test_of_too_few_days_nothing_is_said(tenant, api_key, price, days):
    daily(api_key, price, days=days)

    found = foreseen(tenant, now=NOW)

    assert (found.end, found.expectation) == (None, None)
    assert found.so_far_nanos == days * USD


def test_on_the_first_moment_of_a_month_it_works(tenant, api_key, price):
    daily(api_key, price, days=5, until=NOVEMBER)

    found = foreseen(tenant, now=NOVEMBER)

    assert found.so_far_nanos == 0
    assert found.end.point_nanos == 30 * USD
