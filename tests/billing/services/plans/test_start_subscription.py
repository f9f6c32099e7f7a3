"""A tenant that is on no plan comes to one."""

from datetime import timedelta

import pytest

from billing.errors import (
    AlreadySubscribedError,
    ChangeInThePastError,
    OtherCurrencyError,
    PlanWithdrawnError,
    UnknownTenantError,
)
from billing.models.plans import PlanKind, Subscription
from billing.models.rating import BillingPeriod
from billing.services.plans.start_subscription import start_subscription
from tests.billing.plans import drawn, make_plan, plans_of, told
from tests.billing.usage import DECEMBER, NOON, NOVEMBER, check_books
from tests.billing.webhooks import make_endpoint
from tests.parallel import in_parallel

USD = 1_000_000_000
DAY_SECONDS = 86_400


@pytest.fixture
def plan(db):  # noqa: ARG001  pytest asks by argument
    return make_plan(code="pro")


def start(tenant, plan, *, now=NOON, **fields):
    return start_subscription(tenant_id=tenant.pk, plan=plan, now=now, **fields)


def test_it_works(tenant, plan):
    """From the 16th, noon: 15 of 30 days of 30 USD less half a day."""
    make_endpoint(tenant)
    now = NOVEMBER + timedelta(days=15, hours=12, microseconds=7)

    subscription = start(tenant, plan, now=now)

    assert plans_of(tenant) == [("pro", "11-16 12:00:00", "")]
    seconds = 14 * DAY_SECONDS + DAY_SECONDS // 2
    assert drawn(tenant, now=now) == [
        (f"plan:{subscription.pk}", seconds, 14_500_000_000)
    ]
    check_books(tenant)
    assert told(tenant) == [
        (
            "subscription.started",
            {
                "subscription_id": subscription.pk,
                "plan": "pro",
                "plan_name": plan.name,
                "starts_at": "2026-11-16T12:00:00Z",
                "ends_at": None,
                "trial_ends_at": None,
            },
        )
    ]


def test_the_second_time_changes_nothing(tenant, plan):
    make_endpoint(tenant)
    first = start(tenant, plan)

    assert start(tenant, plan, now=NOON + timedelta(seconds=5)) == first
    assert len(told(tenant)) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_two_at_a_time_start_one(tenant, plan):
    found = in_parallel(lambda: start(tenant, plan), lambda: start(tenant, plan))

    assert found[0] == found[1]
    assert Subscription.objects.count() == 1


def test_a_later_start_bills_nothing_before(tenant, plan):
    start(tenant, plan, starts_at=DECEMBER)

    assert not BillingPeriod.objects.exists()
    assert plans_of(tenant) == [("pro", "12-01 00:00:00", "")]


@pytest.mark.parametrize("kind", PlanKind)
def test_the_plan_says_whether_the_tenant_pays_before(
    tenant, kind, valkey, django_capture_on_commit_callbacks
):
    plan = make_plan(kind=kind, price_cents=0)
    with django_capture_on_commit_callbacks(execute=True):
        subscription = start(tenant, plan)

    tenant.refresh_from_db()
    assert tenant.is_prepaid is (kind in {PlanKind.FREE, PlanKind.PREPAID})
    assert subscription.applied_at == NOON
    assert bool(valkey.keys("tokenfab:*")) is tenant.is_prepaid


def test_a_plan_is_tried_once(tenant):
    plan = make_plan(trial_days=14)
    first = start(tenant, plan)
    assert first.trial_ends_at == NOON + timedelta(days=14)
    first.ends_at = NOON + timedelta(days=1)
    first.save()

    again = start(tenant, plan, now=NOON + timedelta(days=2))

    assert again.trial_ends_at is None


def test_it_refuses_a_tenant_that_is_on_another_plan(tenant, plan):
    start(tenant, plan)

    with pytest.raises(AlreadySubscribedError, match=plan.name):
        start(tenant, make_plan())


def test_it_refuses_a_tenant_that_comes_to_another_plan(tenant, plan):
    start(tenant, plan, starts_at=DECEMBER)

    with pytest.raises(AlreadySubscribedError):
        start(tenant, make_plan())


def test_it_refuses_a_withdrawn_plan(tenant):
    with pytest.raises(PlanWithdrawnError):
        start(tenant, make_plan(withdrawn_at=NOON))
    assert start(tenant, make_plan(withdrawn_at=NOON + timedelta(seconds=1)))


def test_it_refuses_a_start_in_the_past(tenant, plan):
    with pytest.raises(ChangeInThePastError):
        start(tenant, plan, starts_at=NOON - timedelta(seconds=1))
    assert not Subscription.objects.exists()


def test_it_refuses_a_tenant_that_is_not_there(plan):
    with pytest.raises(UnknownTenantError):
        start_subscription(tenant_id=1_000_000, plan=plan, now=NOON)


def test_it_refuses_a_plan_in_another_currency(tenant):
    euros = make_plan(currency="EUR")

    with pytest.raises(OtherCurrencyError, match="pays in USD"):
        start_subscription(tenant_id=tenant.pk, plan=euros, now=NOON)
