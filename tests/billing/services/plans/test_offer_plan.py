"""Plans and coupons are written down once, and withdrawn."""

import pytest

from billing.domain.month import Allowance
from billing.errors import InvalidCouponError, InvalidPlanError
from billing.models.plans import Coupon, Plan, PlanKind
from billing.models.price_books import PriceBook
from billing.services.plans.end_coupon import end_coupon
from billing.services.plans.offer_coupon import offer_coupon
from billing.services.plans.offer_plan import offer_plan
from billing.services.plans.withdraw_plan import withdraw_plan
from tests.billing.plans import make_coupon, make_plan
from tests.billing.usage import DECEMBER, NOON
from tests.factories import make_tenant

pytestmark = pytest.mark.django_db

TOKENS = Allowance(model="", meter="output_tokens", quantity=1_000)


def offer(allowances=(), **changes):
    terms = {"code": "pro", "name": "Pro", "kind": PlanKind.SUBSCRIPTION}
    return offer_plan(Plan(**terms | changes), allowances, now=NOON)


def test_it_works():
    plan = offer([TOKENS], price_cents=30_00)

    assert [one.quantity for one in plan.allowances.all()] == [1_000]
    assert list(Plan.objects.offered(NOON, currency="USD")) == [plan]


def test_a_plan_has_a_book_of_its_own():
    book = PriceBook.objects.create(name="scale", created_at=NOON)

    assert offer(price_book=book).price_book == book


def test_it_refuses_the_book_of_a_tenant():
    book = PriceBook.objects.create(
        name="Acme", tenant=make_tenant(name="Acme"), created_at=NOON
    )

    with pytest.raises(InvalidPlanError):
        offer(price_book=book)
    assert not Plan.objects.exists()


def test_a_withdrawn_plan_is_not_offered():
    plan = make_plan()

    withdraw_plan(plan.pk, now=NOON)
    assert withdraw_plan(plan.pk, now=DECEMBER).withdrawn_at == NOON
    assert not Plan.objects.current(NOON).exists()


def test_a_plan_that_is_not_public_is_for_staff():
    plan = make_plan(is_public=False)

    assert not Plan.objects.offered(NOON, currency="USD").exists()
    assert list(Plan.objects.current(NOON)) == [plan]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"code": "Not a slug"}, "slug"),
        ({"code": "taken"}, "already exists"),
        ({"kind": "gift"}, "gift"),
        ({"price_cents": -1}, "plan_amounts_not_negative"),
        ({"commitment_cents": 1}, "plan_commitment_has_months"),
        ({"kind": PlanKind.FREE, "price_cents": 1}, "plan_free_costs_nothing"),
        ({"credit_cents": 1}, "plan_credit_is_of_free_plans"),
        ({"price_cents": 2**63}, "less than or equal"),
    ],
)
def test_it_refuses_terms_that_do_not_fit(wrong, why):
    make_plan(code="taken")
    with pytest.raises(InvalidPlanError, match=why):
        offer(**wrong)
    assert Plan.objects.count() == 1


def test_it_refuses_amounts_of_tokens_for_free():
    """Nothing would stop the call that goes beyond them."""
    with pytest.raises(InvalidPlanError, match="credit"):
        offer([TOKENS], kind=PlanKind.FREE)


def test_it_refuses_what_is_included_twice():
    with pytest.raises(InvalidPlanError):
        offer([TOKENS, TOKENS])
    assert not Plan.objects.exists()


def test_a_coupon_is_kept_in_upper_case():
    coupon = Coupon(code=" welcome10 ", name="Welcome", percent_basis_points=1_000)

    assert offer_coupon(coupon, now=NOON).code == "WELCOME10"


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "taken"},
        {"amount_cents": 5},
        {"percent_basis_points": 0},
        {"percent_basis_points": 10_001},
    ],
)
def test_it_refuses_a_coupon_that_does_not_fit(wrong):
    make_coupon(code="TAKEN")
    terms = {"code": "X10", "name": "Welcome", "percent_basis_points": 1_000}
    with pytest.raises(InvalidCouponError):
        offer_coupon(Coupon(**terms | wrong), now=NOON)
    assert Coupon.objects.count() == 1


def test_a_coupon_ends_once():
    coupon = make_coupon()

    end_coupon(coupon.pk, now=NOON)

    assert end_coupon(coupon.pk, now=DECEMBER).redeem_until == NOON


def test_it_refuses_prices_in_another_currency_than_the_plans():
    euros = PriceBook.objects.list_book("EUR")
    plan = Plan(code="scale", name="Scale", kind="subscription", price_book=euros)

    with pytest.raises(InvalidPlanError, match="EUR"):
        offer_plan(plan, [], now=NOON)
    plan.currency = "EUR"
    offer_plan(plan, [], now=NOON)
    assert list(Plan.objects.offered(NOON, currency="EUR")) == [plan]
    assert not Plan.objects.offered(NOON, currency="USD")
