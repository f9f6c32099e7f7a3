"""What a change of plan would cost is what it costs."""

from datetime import timedelta

import pytest

from billing.errors import ChangeInThePastError
from billing.models.plans import Subscription
from billing.services.plans.change_plan import change_plan
from billing.services.plans.preview_change import preview_change
from billing.services.plans.redeem_coupon import redeem_coupon
from billing.services.plans.start_subscription import start_subscription
from billing.services.rating.rate_usage import rate_usage
from tests.billing.plans import make_coupon, make_plan
from tests.billing.usage import DECEMBER, NOVEMBER, draft_of, use

DAY = timedelta(days=1)
MIDDLE = NOVEMBER + 15 * DAY
USD = 1_000_000_000


@pytest.fixture
def held(tenant):
    plan = make_plan(name="Small")
    return start_subscription(tenant_id=tenant.pk, plan=plan, now=NOVEMBER)


@pytest.fixture
def large(db):  # noqa: ARG001  pytest asks by argument
    return make_plan(
        name="Large",
        price_cents=60_00,
        allowances=[("", "output_tokens", 10_000_000)],
    )


def preview(tenant, plan, *, now=MIDDLE, **fields):
    return preview_change(tenant_id=tenant.pk, plan=plan, now=now, **fields)


def test_it_works(tenant, held, large, price):
    """4 USD of use, of which the half of Large includes the half; 30 USD are 15, and 30
    for the rest.
    """
    use(tenant, price, 10_000_000, hour_at=NOVEMBER)

    found = preview(tenant, large)

    assert [
        (one.charge.description or one.charge.meter, one.before_nanos)
        for one in found.differences
    ] == [("Small", 30 * USD), ("Large", 0), ("output_tokens", 4 * USD)]
    assert [one.amount_nanos for one in found.differences] == [
        -15 * USD,
        30 * USD,
        -2 * USD,
    ]
    assert found.before_nanos == 34 * USD
    assert found.difference_nanos == 13 * USD
    assert Subscription.objects.get() == held


@pytest.mark.usefixtures("held")
def test_the_draft_then_comes_to_what_was_shown(tenant, large, price):
    use(tenant, price, 12_345_678, hour_at=NOVEMBER)
    redeem_coupon(tenant_id=tenant.pk, code=make_coupon().code, now=NOVEMBER)
    shown = preview(tenant, large)

    change_plan(tenant_id=tenant.pk, plan=large, now=MIDDLE)

    rate_usage(now=MIDDLE)
    assert draft_of(tenant).total_nanos == shown.after_nanos


@pytest.mark.usefixtures("held")
def test_at_the_end_of_the_month_it_shows_the_next_one(tenant, large, price):
    use(tenant, price, 10_000_000, hour_at=NOVEMBER)

    found = preview(tenant, large, at=DECEMBER)

    assert found.month.start == DECEMBER
    assert (found.before_nanos, found.after_nanos) == (30 * USD, 60 * USD)


@pytest.mark.usefixtures("held")
def test_a_trial_costs_nothing(tenant):
    found = preview(tenant, make_plan(trial_days=30))

    assert found.trial_ends_at == MIDDLE + 30 * DAY
    assert found.after_nanos == 15 * USD


def test_the_first_plan_is_previewed_too(tenant, large):
    found = preview(tenant, large)

    assert (found.before_nanos, found.after_nanos) == (0, 30 * USD)


def test_it_refuses_a_time_that_is_over(tenant, large):
    with pytest.raises(ChangeInThePastError):
        preview(tenant, large, at=NOVEMBER)
