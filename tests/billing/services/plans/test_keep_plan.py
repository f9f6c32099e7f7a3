"""What is planned for a plan is undone."""

import pytest

from billing.errors import NoSubscriptionError
from billing.services.plans.cancel_subscription import cancel_subscription
from billing.services.plans.change_plan import change_plan
from billing.services.plans.keep_plan import keep_plan
from billing.services.plans.start_subscription import start_subscription
from tests.billing.plans import drawn, make_plan, plans_of, told
from tests.billing.usage import DECEMBER, NOON, NOVEMBER
from tests.billing.webhooks import make_endpoint

OPEN = [("pro", "11-01 00:00:00", "")]


@pytest.fixture
def held(tenant):
    make_endpoint(tenant)
    plan = make_plan(code="pro")
    return start_subscription(tenant_id=tenant.pk, plan=plan, now=NOVEMBER)


def test_it_works(tenant, held):
    change_plan(tenant_id=tenant.pk, plan=make_plan(), now=NOVEMBER, at=NOON)
    assert len(drawn(tenant, now=NOVEMBER)) == 2

    assert keep_plan(tenant_id=tenant.pk, now=NOVEMBER) == held

    assert plans_of(tenant) == OPEN
    assert len(drawn(tenant, now=NOVEMBER)) == 1
    assert [kind for kind, _ in told(tenant)] == [
        "subscription.started",
        "subscription.changed",
        "subscription.changed",
    ]


def test_an_end_is_undone(tenant, held):
    cancel_subscription(tenant_id=tenant.pk, now=NOVEMBER, at=DECEMBER)

    assert keep_plan(tenant_id=tenant.pk, now=NOON) == held
    assert plans_of(tenant) == OPEN


def test_where_nothing_is_planned_nothing_happens(tenant, held):
    assert keep_plan(tenant_id=tenant.pk, now=NOON) == held
    assert len(told(tenant)) == 1


@pytest.mark.usefixtures("held")
def test_it_refuses_a_plan_that_ended(tenant):
    cancel_subscription(tenant_id=tenant.pk, now=NOON)

    with pytest.raises(NoSubscriptionError):
        keep_plan(tenant_id=tenant.pk, now=NOON)
