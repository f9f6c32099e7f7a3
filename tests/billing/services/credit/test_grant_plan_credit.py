"""A free plan brings credit each month, and nothing beyond it."""

from datetime import timedelta

import pytest

from billing.domain.spend_counters import money_key
from billing.models.credit import CreditGrant
from billing.models.plans import PlanKind
from billing.services.credit.expire_credit import expire_credit
from billing.services.credit.grant_plan_credit import grant_plan_credit
from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.plans.apply_plans import apply_plans
from billing.services.plans.cancel_subscription import cancel_subscription
from billing.services.plans.change_plan import change_plan
from billing.services.plans.start_subscription import start_subscription
from billing.services.rating.rate_usage import rate_usage
from tenants.services.publish_key_policies import read_key_policies
from tests.billing.plans import make_plan
from tests.billing.usage import (
    DECEMBER,
    NOON,
    balances,
    check_books,
    draft_of,
    use,
)
from tests.factories import make_api_key, make_project

FIVE_USD = 5_000_000_000
MONTH = timedelta(days=31)


@pytest.fixture
def free(db):  # noqa: ARG001  pytest asks by argument
    return make_plan(code="free", kind=PlanKind.FREE, price_cents=0, credit_cents=5_00)


@pytest.fixture
def held(tenant, free):
    return start_subscription(tenant_id=tenant.pk, plan=free, now=NOON)


def grants_of(tenant):
    rows = CreditGrant.objects.filter(tenant=tenant).order_by("pk")
    return [(one.amount_nanos, one.kind, one.expires_at) for one in rows]


@pytest.mark.usefixtures("held")
def test_it_works(tenant):
    """The first month's comes with the plan, each other one with the month."""
    assert grants_of(tenant) == [(FIVE_USD, "promotional", DECEMBER)]
    assert grant_plan_credit(now=DECEMBER - timedelta(microseconds=1)) == 0

    assert grant_plan_credit(now=DECEMBER) == 1

    assert grants_of(tenant)[1:] == [(FIVE_USD, "promotional", DECEMBER + MONTH)]
    assert balances(tenant) == {"promotions": 2 * FIVE_USD, "credit": -2 * FIVE_USD}


@pytest.mark.usefixtures("held")
def test_the_second_time_grants_nothing(tenant):
    grant_plan_credit(now=DECEMBER)

    assert grant_plan_credit(now=DECEMBER + MONTH / 2) == 0
    assert len(grants_of(tenant)) == 2


def test_the_data_plane_knows_the_limit(
    tenant, free, valkey, django_capture_on_commit_callbacks
):
    make_api_key(project=make_project(tenant=tenant))
    with django_capture_on_commit_callbacks(execute=True):
        start_subscription(tenant_id=tenant.pk, plan=free, now=NOON)

    (policy,) = read_key_policies(NOON)
    assert policy.is_prepaid
    assert policy.counts_spend
    assert valkey.hget(money_key(tenant.pk), "credit") == str(FIVE_USD).encode()


@pytest.mark.usefixtures("held")
def test_who_comes_back_in_the_same_month_gets_no_more(tenant, free):
    paid = make_plan()
    change_plan(tenant_id=tenant.pk, plan=paid, now=NOON + timedelta(hours=1))
    change_plan(tenant_id=tenant.pk, plan=free, now=NOON + timedelta(hours=2))

    assert len(grants_of(tenant)) == 1


@pytest.mark.usefixtures("held")
def test_who_left_gets_nothing(tenant):
    cancel_subscription(tenant_id=tenant.pk, now=NOON, at=DECEMBER)

    assert grant_plan_credit(now=DECEMBER) == 0


def test_a_free_plan_that_was_planned_brings_it_when_it_begins(tenant, free):
    start_subscription(tenant_id=tenant.pk, plan=make_plan(), now=NOON)
    change_plan(tenant_id=tenant.pk, plan=free, now=NOON, at=DECEMBER)
    assert grants_of(tenant) == []

    apply_plans(now=DECEMBER)

    assert len(grants_of(tenant)) == 1


@pytest.mark.usefixtures("held", "valkey")
def test_what_the_credit_paid_for_is_not_owed(tenant, price):
    """One USD of calls in November, billed when its credit has ended and no other has
    begun.
    """
    cancel_subscription(tenant_id=tenant.pk, now=NOON, at=DECEMBER)
    use(tenant, price, 2_500_000)
    use(tenant, price, 1_000_000_000, meter="charged_nanos")
    rate_usage(now=NOON)
    expire_credit(now=DECEMBER)

    invoice = issue_invoice(draft_of(tenant).pk, now=DECEMBER + timedelta(days=2))

    assert (invoice.status, invoice.credit_applied_cents) == ("paid", 100)
    check_books(tenant)
