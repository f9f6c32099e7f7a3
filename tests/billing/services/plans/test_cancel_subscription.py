"""A tenant leaves its plan."""

from datetime import timedelta

import pytest

from billing.errors import (
    ChangeInThePastError,
    CommitmentRunsError,
    NoSubscriptionError,
)
from billing.models.plans import PlanKind
from billing.services.plans.cancel_subscription import cancel_subscription
from billing.services.plans.change_plan import change_plan
from billing.services.plans.start_subscription import start_subscription
from tests.billing.plans import drawn, make_plan, plans_of, told
from tests.billing.usage import DECEMBER, NOON, NOVEMBER, check_books
from tests.billing.webhooks import make_endpoint

DAY = timedelta(days=1)


def start(tenant, **fields):
    plan = make_plan(code="pro", **fields)
    return start_subscription(tenant_id=tenant.pk, plan=plan, now=NOVEMBER)


def cancel(tenant, *, now=NOVEMBER + 10 * DAY, **fields):
    return cancel_subscription(tenant_id=tenant.pk, now=now, **fields)


def test_it_works(tenant):
    """Ten of thirty days of 30 USD."""
    make_endpoint(tenant)
    start(tenant)

    cancel(tenant)

    assert plans_of(tenant) == [("pro", "11-01 00:00:00", "11-11 00:00:00")]
    ((_, _, amount),) = drawn(tenant, now=NOON)
    assert amount == 10_000_000_000
    check_books(tenant)
    kind, data = told(tenant)[1]
    assert (kind, data["ends_at"]) == ("subscription.ended", "2026-11-11T00:00:00Z")


def test_at_the_end_of_the_month_twice(tenant):
    make_endpoint(tenant)
    start(tenant)
    cancel(tenant, at=DECEMBER)
    cancel(tenant, at=DECEMBER)

    assert plans_of(tenant) == [("pro", "11-01 00:00:00", "12-01 00:00:00")]
    assert len(told(tenant)) == 2


def test_nothing_is_planned_any_more(tenant):
    start(tenant)
    change_plan(tenant_id=tenant.pk, plan=make_plan(), now=NOON, at=DECEMBER)

    cancel(tenant, now=NOON, at=DECEMBER)

    assert plans_of(tenant) == [("pro", "11-01 00:00:00", "12-01 00:00:00")]


def test_a_plan_that_is_to_begin_never_does(tenant):
    start_subscription(
        tenant_id=tenant.pk, plan=make_plan(), now=NOON, starts_at=DECEMBER
    )

    cancel(tenant, now=NOON)

    assert plans_of(tenant) == []


def test_who_paid_before_its_calls_still_does(tenant):
    start(tenant, kind=PlanKind.PREPAID)

    cancel(tenant)

    tenant.refresh_from_db()
    assert tenant.is_prepaid


def test_it_refuses_a_tenant_without_a_plan(tenant):
    with pytest.raises(NoSubscriptionError):
        cancel(tenant)


def test_it_refuses_an_end_in_the_past(tenant):
    start(tenant)
    with pytest.raises(ChangeInThePastError):
        cancel(tenant, at=NOVEMBER + 9 * DAY)
    assert plans_of(tenant) == [("pro", "11-01 00:00:00", "")]


def test_it_refuses_to_break_a_commitment(tenant):
    start(tenant, commitment_cents=100_00, commitment_months=1)
    with pytest.raises(CommitmentRunsError):
        cancel(tenant)

    cancel(tenant, at=DECEMBER)

    assert [amount for _, _, amount in drawn(tenant, now=NOON)] == [
        30_000_000_000,
        70_000_000_000,
    ]
