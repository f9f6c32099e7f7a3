"""A month without any usage is billed for its plan."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.models.rating import BillingPeriod
from billing.services.plans.cancel_subscription import cancel_subscription
from billing.services.plans.start_subscription import start_subscription
from billing.services.rating.open_months import open_months
from billing.services.rating.rate_usage import rate_usage
from tests.billing.plans import make_plan
from tests.billing.usage import DECEMBER, NOON, NOVEMBER, check_books, draft_of

FEBRUARY = datetime(2027, 2, 1, tzinfo=UTC)


@pytest.fixture
def held(tenant):
    plan = make_plan()
    return start_subscription(tenant_id=tenant.pk, plan=plan, now=NOON)


def months_of(tenant):
    rows = BillingPeriod.objects.filter(tenant=tenant).order_by("starts_at")
    return [f"{row.starts_at:%Y-%m}" for row in rows]


@pytest.mark.usefixtures("held")
def test_it_works(tenant):
    """The task did not run for two months."""
    assert open_months(now=FEBRUARY) == 3

    assert months_of(tenant) == ["2026-11", "2026-12", "2027-01", "2027-02"]
    rate_usage(now=FEBRUARY)
    assert draft_of(tenant, DECEMBER).total_cents == 30_00
    check_books(tenant)


@pytest.mark.usefixtures("held")
def test_the_second_time_opens_nothing(tenant):
    open_months(now=DECEMBER)

    assert open_months(now=DECEMBER) == 0
    assert months_of(tenant) == ["2026-11", "2026-12"]


@pytest.mark.usefixtures("held")
def test_a_month_opens_with_its_first_second():
    assert open_months(now=DECEMBER - timedelta(microseconds=1)) == 0
    assert open_months(now=DECEMBER) == 1


@pytest.mark.usefixtures("held")
def test_a_plan_that_ended_opens_no_more_months(tenant):
    cancel_subscription(tenant_id=tenant.pk, now=NOON, at=DECEMBER)

    assert open_months(now=FEBRUARY) == 0
    assert months_of(tenant) == ["2026-11"]


def test_a_plan_that_begins_later_opens_its_month(tenant):
    plan = make_plan(price_cents=0, minimum_cents=5_00)
    start_subscription(tenant_id=tenant.pk, plan=plan, now=NOVEMBER, starts_at=NOON)
    BillingPeriod.objects.all().delete()

    assert open_months(now=NOON) == 1
    assert months_of(tenant) == ["2026-11"]


def test_a_plan_that_costs_nothing_by_itself_opens_none(tenant):
    plan = make_plan(price_cents=0, percentage_basis_points=100)
    start_subscription(tenant_id=tenant.pk, plan=plan, now=NOON)

    assert open_months(now=FEBRUARY) == 0
