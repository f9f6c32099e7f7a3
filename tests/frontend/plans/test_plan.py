"""The page Plan shows what is held, and changes it at a price that was shown."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.domain.periods import month_of
from billing.models.plans import CouponRedemption, PlanKind, Subscription
from billing.services.plans.start_subscription import start_subscription
from billing.services.rating.rate_usage import rate_usage
from tests.billing.plans import make_coupon, make_plan
from tests.frontend.believable import call, record

TOKENS = [("", "output_tokens", 1_000_000_000)]


@pytest.fixture
def pro(db):  # noqa: ARG001  opens the database
    return make_plan(code="pro", name="Pro", allowances=TOKENS)


@pytest.fixture
def held(people, pro):
    return start_subscription(tenant_id=people.tenant.pk, plan=pro, now=timezone.now())


def page_of(people, name="owner"):
    return people.client(name).get("/plan/").context["overview"]


def plans_now(people):
    rows = Subscription.objects.filter(tenant=people.tenant).order_by("starts_at")
    return [(row.plan.code, row.ends_at) for row in rows.select_related("plan")]


@pytest.mark.usefixtures("held")
def test_it_works(people, version, now):
    record([call(people.api_key, version, now)], now)
    rate_usage(now=timezone.now())

    shown = page_of(people, "colleague")

    assert shown.held.plan.code == "pro"
    assert [one.is_held for one in shown.plans] == [True]
    (included,) = shown.included
    assert included.title == "Output tokens, all models"
    assert included.share.used == 90
    assert next(title for title, _ in shown.lines) == "Plan Pro"


def test_without_a_plan_it_says_so(people):
    page = people.client("owner").get("/plan/")

    assert "You are on no plan" in page.content.decode()
    assert "No plans are offered" in page.content.decode()


def test_a_trial_counts_down(people):
    plan = make_plan(trial_days=14)
    start = timezone.now() - timedelta(hours=1)
    start_subscription(tenant_id=people.tenant.pk, plan=plan, now=start)

    assert page_of(people).trial_days_left == 14


def test_a_free_plan_shows_what_is_used_of_its_credit(people, version, now):
    plan = make_plan(kind=PlanKind.FREE, price_cents=0, credit_cents=5_00)
    start_subscription(tenant_id=people.tenant.pk, plan=plan, now=now)
    record([call(people.api_key, version, now)], now)

    (included,) = page_of(people).included

    assert included.is_money
    assert included.share.amount == 5_000_000_000
    assert included.share.used > 0


@pytest.mark.usefixtures("pro")
def test_the_first_plan_begins_once_its_price_was_seen(people):
    client = people.client("owner")
    preview = client.get("/plan/to/pro/").context["preview"]
    assert preview.difference_nanos > 0

    response = client.post("/plan/to/pro/", {"when": "now"})

    assert response.status_code == 302
    assert plans_now(people) == [("pro", None)]


@pytest.mark.usefixtures("held")
def test_a_change_is_planned_and_undone(people):
    make_plan(code="max", price_cents=90_00)
    client = people.client("owner")

    client.post("/plan/to/max/", {"when": "month"})

    end = month_of(timezone.now()).end
    assert plans_now(people) == [("pro", end), ("max", None)]
    assert page_of(people).planned.plan.code == "max"
    client.post("/plan/keep/")
    assert plans_now(people) == [("pro", None)]


@pytest.mark.usefixtures("held")
def test_the_plan_is_cancelled_at_the_end_of_the_month(people):
    owner = people.client("owner")
    refused = owner.post("/plan/cancel/", {"when": "now", "name": "Plan"})
    assert refused.status_code == 422
    assert 'value="now" checked' in refused.text
    owner.post("/plan/cancel/", {"when": "month", "name": "Pro"})

    assert plans_now(people) == [("pro", month_of(timezone.now()).end)]


def test_a_commitment_leaves_no_choice(people):
    plan = make_plan(commitment_cents=1, commitment_months=12)
    start = timezone.now() - timedelta(days=1)
    held = start_subscription(tenant_id=people.tenant.pk, plan=plan, now=start)
    make_plan(code="max")

    page = people.client("owner").get("/plan/to/max/")

    (moment,) = page.context["moments"]
    assert moment.at == held.commitment_ends_at


def test_a_coupon_is_redeemed(people):
    make_coupon(code="WELCOME", name="Welcome")

    people.client("owner").post("/plan/coupon/", {"code": "welcome"})

    assert CouponRedemption.objects.get().tenant == people.tenant
    assert [one.coupon.code for one in page_of(people).redemptions] == ["WELCOME"]


def test_it_refuses_a_coupon_that_is_not_there(people):
    response = people.client("owner").post("/plan/coupon/", {"code": "nothing"})

    assert response.status_code == 422
    assert "There is no such coupon" in response.content.decode()


@pytest.mark.parametrize("wrong", [{"is_public": False}, {"withdrawn_at": True}])
def test_it_refuses_a_plan_that_is_not_offered(people, wrong):
    if "withdrawn_at" in wrong:
        wrong = {"withdrawn_at": timezone.now()}
    make_plan(code="secret", **wrong)

    assert people.client("owner").post("/plan/to/secret/").status_code == 404
    assert plans_now(people) == []


@pytest.mark.usefixtures("held")
@pytest.mark.parametrize(
    "path", ["/plan/to/pro/", "/plan/cancel/", "/plan/keep/", "/plan/coupon/"]
)
def test_it_refuses_a_colleague(people, path):
    assert people.client("colleague").post(path).status_code == 403
    assert plans_now(people) == [("pro", None)]


@pytest.mark.usefixtures("held")
def test_a_stranger_has_a_plan_of_its_own(people):
    make_plan(code="max")
    people.client("stranger").post("/plan/to/max/", {"when": "now"})

    assert plans_now(people) == [("pro", None)]
    assert page_of(people, "stranger").held.plan.code == "max"
