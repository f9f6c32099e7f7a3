"""Plans and subscriptions: seen by all of a tenant, changed by role and by staff."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models.plans import CouponRedemption, Subscription
from billing.services.plans.start_subscription import start_subscription
from tests.billing.plans import make_coupon, make_plan


@pytest.fixture
def plan(callers):
    del callers
    return make_plan(code="pro", price_cents=30_00)


def held(callers):
    rows = Subscription.objects.filter(tenant=callers.tenant)
    return [(row.plan.code, row.ends_at is None) for row in rows.order_by("starts_at")]


@pytest.mark.parametrize("name", ["owner", "staff"])
def test_it_works(callers, plan, name):
    caller = getattr(callers, name)
    assert caller.post("subscriptions", {"plan": plan.code}).status_code == 200
    assert held(callers) == [("pro", True)]
    (shown,) = callers.key.get("subscriptions").json()["data"]
    assert (shown["plan"], shown["ends_at"]) == ("pro", None)


def test_a_plan_is_changed_and_ended(callers, plan):
    now = timezone.now()
    start_subscription(
        tenant_id=callers.tenant.pk,
        plan=plan,
        now=now - timedelta(hours=1),
        starts_at=now - timedelta(hours=1),
    )
    other = make_plan(code="max", price_cents=90_00)
    preview = callers.key.post("subscriptions/preview", {"plan": other.code}).json()
    assert preview["difference_nanos"] == (
        preview["after_nanos"] - preview["before_nanos"]
    )
    assert preview["difference_nanos"] > 0
    assert held(callers) == [("pro", True)]
    callers.owner.post("subscriptions", {"plan": other.code})
    assert held(callers) == [("pro", False), ("max", True)]
    later = (now + timedelta(days=1)).isoformat()
    ended = callers.owner.post("subscriptions/cancel", {"at": later})
    assert ended.status_code == 200
    assert held(callers) == [("pro", False), ("max", False)]


def test_offered_plans_are_listed(callers, plan):
    make_plan(code="secret", is_public=False)
    make_plan(code="old", withdrawn_at=timezone.now())
    codes = [one["code"] for one in callers.key.get("plans").json()["data"]]
    assert plan.code in codes
    assert not {"secret", "old"} & set(codes)
    every = [one["code"] for one in callers.staff.get("plans").json()["data"]]
    assert {"secret", "old", "pro"} <= set(every)


def test_a_plan_that_is_not_offered_is_not_there(callers):
    make_plan(code="secret", is_public=False)
    for code in ("secret", "nothing"):
        answer = callers.owner.post("subscriptions", {"plan": code})
        assert answer.status_code == 404
    assert held(callers) == []


@pytest.mark.parametrize("path", ["subscriptions", "subscriptions/cancel"])
@pytest.mark.parametrize("name", ["key", "colleague"])
def test_it_refuses_others_than_owners(callers, plan, path, name):
    body = {"plan": plan.code} if path == "subscriptions" else {}
    answer = getattr(callers, name).post(path, body)
    assert answer.status_code == 403
    assert held(callers) == []


def test_it_refuses_to_end_what_is_not_there(callers):
    answer = callers.owner.post("subscriptions/cancel", {})
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "no_subscription"


def test_a_coupon_is_redeemed_once(callers):
    coupon = make_coupon()
    for _ in range(2):
        answer = callers.owner.post("coupon_redemptions", {"code": coupon.code})
        assert answer.json()["coupon"] == coupon.code
    assert CouponRedemption.objects.count() == 1
    unknown = callers.owner.post("coupon_redemptions", {"code": "NOTHING"})
    assert unknown.status_code == 404
    assert callers.key.post("coupon_redemptions", {"code": "X"}).status_code == 403
