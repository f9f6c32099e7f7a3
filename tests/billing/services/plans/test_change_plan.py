"""A tenant comes from one plan to another."""

from datetime import timedelta

import pytest

from billing.errors import (
    ChangeInThePastError,
    CommitmentRunsError,
    NoSubscriptionError,
    OtherCurrencyError,
    PlanWithdrawnError,
)
from billing.models.plans import PlanKind, Subscription
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.plans.apply_plans import apply_plans
from billing.services.plans.change_plan import change_plan
from billing.services.plans.start_subscription import start_subscription
from tests.billing.plans import drawn, make_plan, plans_of, told
from tests.billing.usage import (
    DECEMBER,
    NOON,
    NOVEMBER,
    check_books,
    draft_of,
    lines_of,
)
from tests.billing.webhooks import make_endpoint
from tests.parallel import in_parallel

DAY = timedelta(days=1)
HALF = 15 * 86_400


@pytest.fixture
def small(db):  # noqa: ARG001  pytest asks by argument
    return make_plan(code="small")


@pytest.fixture
def large(db):  # noqa: ARG001  pytest asks by argument
    return make_plan(code="large", price_cents=60_00)


def start(tenant, plan, *, now=NOVEMBER):
    return start_subscription(tenant_id=tenant.pk, plan=plan, now=now)


def change(tenant, plan, *, now=NOVEMBER + 15 * DAY, **fields):
    return change_plan(tenant_id=tenant.pk, plan=plan, now=now, **fields)


def test_it_works(tenant, small, large):
    """15 of 30 days of 30 USD and 15 of 60."""
    make_endpoint(tenant)
    before = start(tenant, small)

    after = change(tenant, large)

    assert plans_of(tenant) == [
        ("small", "11-01 00:00:00", "11-16 00:00:00"),
        ("large", "11-16 00:00:00", ""),
    ]
    assert drawn(tenant, now=NOON) == [
        (f"plan:{before.pk}", HALF, 15_000_000_000),
        (f"plan:{after.pk}", HALF, 30_000_000_000),
    ]
    check_books(tenant)
    kind, data = told(tenant)[1]
    assert kind == "subscription.changed"
    assert (data["plan"], data["previous_plan"]) == ("large", "small")


def test_the_second_time_changes_nothing(tenant, small, large):
    make_endpoint(tenant)
    start(tenant, small)
    first = change(tenant, large, now=NOON)

    assert change(tenant, large, now=NOON + timedelta(seconds=9)) == first
    assert len(told(tenant)) == 2


def test_a_planned_change_is_asked_for_twice(tenant, small, large):
    make_endpoint(tenant)
    start(tenant, small)
    first = change(tenant, large, now=NOON, at=DECEMBER)

    assert change(tenant, large, now=NOON + DAY, at=DECEMBER) == first
    assert len(told(tenant)) == 2


def test_at_the_end_of_the_month_this_one_stays_as_it_is(tenant, small, large):
    start(tenant, small)

    change(tenant, large, at=DECEMBER)

    assert plans_of(tenant) == [
        ("small", "11-01 00:00:00", "12-01 00:00:00"),
        ("large", "12-01 00:00:00", ""),
    ]
    ((_, seconds, amount),) = drawn(tenant, now=NOON)
    assert (seconds, amount) == (2 * HALF, 30_000_000_000)


def test_another_change_takes_the_place_of_what_was_planned(tenant, small, large):
    start(tenant, small)
    change(tenant, large, now=NOON, at=DECEMBER)

    change(tenant, make_plan(code="third"), now=NOON, at=NOON + DAY)

    assert [(code, end) for code, _, end in plans_of(tenant)] == [
        ("small", "11-22 12:00:00"),
        ("third", ""),
    ]


def test_to_ask_for_the_plan_it_is_on_undoes_what_was_planned(tenant, small, large):
    held = start(tenant, small)
    change(tenant, large, now=NOON, at=DECEMBER)

    assert change(tenant, small, now=NOON) == held
    assert plans_of(tenant) == [("small", "11-01 00:00:00", "")]


def test_a_plan_of_this_second_was_never_held(tenant, small, large):
    start(tenant, small, now=NOON)

    change(tenant, large, now=NOON + timedelta(milliseconds=900))

    assert plans_of(tenant) == [("large", "11-21 12:00:00", "")]


def test_a_plan_that_is_to_begin_may_be_another(tenant, small, large):
    start_subscription(tenant_id=tenant.pk, plan=small, now=NOON, starts_at=DECEMBER)

    change(tenant, large, now=NOON)

    assert plans_of(tenant) == [("large", "11-21 12:00:00", "")]


def test_what_was_billed_of_a_plan_that_is_left_is_credited(tenant, small, large):
    """All of November was billed by mistake in its middle."""
    start(tenant, small)
    drawn(tenant, now=NOVEMBER)
    issue_invoice(draft_of(tenant).pk, now=NOVEMBER + DAY, until=DECEMBER)

    change(tenant, large)

    drawn(tenant, now=NOON)
    note = tenant.credit_notes.get()
    assert (note.status, note.total_nanos) == ("draft", 15_000_000_000)
    assert lines_of(draft_of(tenant)) == [("", HALF, 30_000_000_000, 30_00)]
    check_books(tenant)


def test_terms_change_when_the_plan_does(tenant, small):
    """It pays after its calls until the month ends, and before them from then on."""
    start(tenant, small)
    change(tenant, make_plan(kind=PlanKind.PREPAID), now=NOON, at=DECEMBER)
    tenant.refresh_from_db()
    assert not tenant.is_prepaid
    assert apply_plans(now=DECEMBER - timedelta(seconds=1)) == 0

    assert apply_plans(now=DECEMBER) == 1

    tenant.refresh_from_db()
    assert tenant.is_prepaid
    assert apply_plans(now=DECEMBER) == 0


def test_a_plan_that_nobody_saw_leaves_the_terms_alone(tenant, small):
    """It began and ended while no task ran."""
    start(tenant, small)
    change(tenant, make_plan(kind=PlanKind.PREPAID), now=NOON, at=NOON + DAY)
    change_plan(
        tenant_id=tenant.pk,
        plan=make_plan(kind=PlanKind.PAY_AS_YOU_GO),
        now=NOON + 2 * DAY,
    )

    assert apply_plans(now=NOON + 2 * DAY) == 0

    tenant.refresh_from_db()
    assert not tenant.is_prepaid
    assert not Subscription.objects.to_apply(NOON + 2 * DAY).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_two_changes_at_a_time_come_one_after_the_other(tenant, small, large):
    start(tenant, small)
    third = make_plan()

    in_parallel(lambda: change(tenant, large), lambda: change(tenant, third))

    assert [end for _, _, end in plans_of(tenant)] == ["11-16 00:00:00", ""]


def test_it_refuses_a_tenant_without_a_plan(tenant, large):
    with pytest.raises(NoSubscriptionError):
        change(tenant, large)


def test_it_refuses_a_withdrawn_plan(tenant, small):
    start(tenant, small)
    with pytest.raises(PlanWithdrawnError):
        change(tenant, make_plan(withdrawn_at=NOVEMBER))
    assert plans_of(tenant) == [("small", "11-01 00:00:00", "")]


def test_it_refuses_a_change_in_the_past(tenant, small, large):
    start(tenant, small)
    with pytest.raises(ChangeInThePastError):
        change(tenant, large, now=NOON, at=NOON - timedelta(seconds=1))


def test_it_refuses_a_month_that_is_over(tenant, small, large):
    start(tenant, small)
    with pytest.raises(ChangeInThePastError):
        change(tenant, large, now=DECEMBER, at=DECEMBER - timedelta(seconds=1))


def test_it_refuses_to_break_a_commitment(tenant, large):
    """Three months from 21 November."""
    start(tenant, make_plan(commitment_cents=100, commitment_months=3), now=NOON)

    with pytest.raises(CommitmentRunsError, match="2027-02-21 12:00 UTC"):
        change(tenant, large, now=NOON + 91 * DAY)
    assert change(tenant, large, now=NOON + 92 * DAY)


def test_it_refuses_a_plan_in_another_currency(tenant):
    start_subscription(tenant_id=tenant.pk, plan=make_plan(), now=NOVEMBER)

    with pytest.raises(OtherCurrencyError, match="pays in USD"):
        change_plan(tenant_id=tenant.pk, plan=make_plan(currency="EUR"), now=NOON)
