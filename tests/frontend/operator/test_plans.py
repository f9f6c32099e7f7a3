"""Staff offer plans and coupons, and put tenants on plans."""

import pytest
from django.utils import timezone

from billing.models.plans import Coupon, Plan, PlanKind, Subscription
from billing.services.plans.redeem_coupon import redeem_coupon
from tests.billing.plans import make_coupon, make_plan
from tests.factories import make_user
from tests.frontend.people import client_of

PRO = {
    "code": "pro",
    "name": "Pro",
    "kind": PlanKind.SUBSCRIPTION,
    "currency": "USD",
    "price_cents": "29.90",
    "percentage_basis_points": "2.5",
    "commitment_months": "0",
    "trial_days": "14",
    "allowances": "output_tokens 1,000,000\ninput_tokens 5 small",
    "is_public": "on",
}


@pytest.fixture
def operator(db):  # noqa: ARG001  opens the database
    return client_of(
        make_user(email="boss@x.example", is_staff=True, is_superuser=True)
    )


def test_it_works(operator):
    form = {**PRO, "allowances": "output_tokens 1,000,000\nnew_input_tokens 5 small"}

    assert operator.post("/operator/plans/new/", form).status_code == 302

    plan = Plan.objects.get()
    assert (plan.price_cents, plan.percentage_basis_points) == (29_90, 250)
    assert plan.is_public
    assert list(
        plan.allowances.order_by("pk").values_list("meter", "quantity", "model")
    ) == [("output_tokens", 1_000_000, ""), ("new_input_tokens", 5, "small")]


def test_a_plan_is_copied_as_a_new_one(operator):
    plan = make_plan(minimum_cents=5_00, allowances=[("", "output_tokens", 7)])
    page = operator.get(f"/operator/plans/new/?copy={plan.pk}")
    typed = {
        field.name: field.value()
        for field in page.context["form"]
        if field.value() is not None
    }

    assert operator.post("/operator/plans/new/", {**typed, "code": "next"})

    copy = Plan.objects.get(code="next")
    assert (copy.price_cents, copy.minimum_cents) == (30_00, 5_00)
    assert copy.allowances.get().quantity == 7


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({}, "input_tokens is no meter"),
        ({"allowances": "output_tokens much"}, "whole number"),
        ({"allowances": "", "price_cents": "1.234"}, "2 decimal places"),
        ({"allowances": "", "kind": PlanKind.FREE}, "plan_free_costs_nothing"),
    ],
)
def test_it_refuses_a_plan_that_does_not_fit(operator, wrong, why):
    response = operator.post("/operator/plans/new/", {**PRO, **wrong})

    assert response.status_code == 422
    assert why in response.content.decode()
    assert not Plan.objects.exists()


def test_a_plan_is_withdrawn(operator):
    plan = make_plan()

    path = f"/operator/plans/{plan.pk}/withdraw/"
    assert "Who is on it" in operator.get(path).text
    assert operator.post(path, {"name": "pro"}).status_code == 422
    assert Plan.objects.current(timezone.now()).exists()
    operator.post(path, {"name": plan.code})

    assert not Plan.objects.current(timezone.now()).exists()
    assert "withdrawn" in operator.get("/operator/plans/").content.decode()


def test_a_tenant_is_put_on_a_plan_and_taken_off(operator, people):
    plan = make_plan(is_public=False)
    path = f"/operator/tenants/{people.tenant.pk}/plan/"

    operator.post(path, {"plan": plan.pk, "when": "now"})
    held = Subscription.objects.get(tenant=people.tenant)
    assert (held.plan, held.ends_at) == (plan, None)
    operator.post(path, {"plan": "", "when": "month"})

    held.refresh_from_db()
    assert held.ends_at is not None


def test_a_tenant_comes_to_another_plan(operator, people):
    path = f"/operator/tenants/{people.tenant.pk}/plan/"
    for code in ("small", "large"):
        plan = make_plan(code=code)
        operator.post(path, {"plan": plan.pk, "when": "month"})

    held = Subscription.objects.get(tenant=people.tenant)
    assert held.plan.code == "large"


def test_what_cannot_be_is_said(operator, people):
    path = f"/operator/tenants/{people.tenant.pk}/plan/"

    response = operator.post(path, {"plan": "", "when": "now"})

    assert response.status_code == 422
    assert "on no plan" in response.content.decode()


def test_a_coupon_is_made_redeemed_and_ended(operator, people):
    form = {
        "code": "welcome",
        "name": "Welcome",
        "percent_basis_points": "12.5",
        "currency": "USD",
    }
    assert operator.post("/operator/coupons/new/", form).status_code == 302
    coupon = Coupon.objects.get()
    assert (coupon.code, coupon.percent_basis_points) == ("WELCOME", 1_250)
    redeem_coupon(tenant_id=people.tenant.pk, code="WELCOME", now=timezone.now())

    page = operator.get(f"/operator/coupons/{coupon.pk}/").content.decode()
    path = f"/operator/coupons/{coupon.pk}/end/"
    assert operator.post(path, {"name": "welcome"}).status_code == 422
    assert not Coupon.objects.filter(redeem_until__lte=timezone.now()).exists()
    operator.post(path, {"name": "WELCOME"})

    assert people.tenant.name in page
    assert Coupon.objects.filter(redeem_until__lte=timezone.now()).exists()


def test_it_refuses_a_coupon_of_both(operator):
    form = {
        "code": "BOTH",
        "currency": "USD",
        "name": "Both",
        "percent_basis_points": "10",
        "amount_cents": "5",
    }
    response = operator.post("/operator/coupons/new/", form)

    assert response.status_code == 422
    assert not Coupon.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        "/operator/plans/new/",
        "/operator/plans/{plan}/withdraw/",
        "/operator/coupons/new/",
        "/operator/coupons/{coupon}/end/",
        "/operator/tenants/{tenant}/plan/",
    ],
)
def test_it_refuses_staff_who_may_not_decide_what_things_cost(people, path):
    plan, coupon = make_plan(), make_coupon()
    address = path.format(plan=plan.pk, coupon=coupon.pk, tenant=people.tenant.pk)

    assert people.client("staff").post(address, PRO).status_code == 403
    plan.refresh_from_db()
    assert plan.withdrawn_at is None
