"""Plans and coupons, as pictures."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models.plans import Plan, PlanKind
from billing.models.price_books import PriceBook
from billing.services.plans.redeem_coupon import redeem_coupon
from billing.services.plans.start_subscription import start_subscription
from billing.services.rating.rate_usage import rate_usage
from tests.billing.plans import make_coupon, make_plan
from tests.billing.usage import make_price
from tests.factories import make_served_model, make_user
from tests.frontend.believable import a_month_of_calls, record
from tests.frontend.browser.test_screenshots import LOOKS, folder_of, take

pytestmark = pytest.mark.browser


@pytest.fixture
def coupon(people, version, now):
    """Redeemed by the tenant, which is on one of three plans and used some of it."""
    make_plan(
        code="free",
        name="Free",
        kind=PlanKind.FREE,
        price_cents=0,
        credit_cents=5_00,
        description="To look around.",
    )
    pro = make_plan(
        code="pro",
        name="Pro",
        trial_days=30,
        description="For one product.",
        allowances=[
            ("", "output_tokens", 50_000),
            ("", "new_input_tokens", 1_000_000),
        ],
    )
    make_plan(
        code="scale",
        name="Scale",
        price_cents=400_00,
        minimum_cents=1_000_00,
        commitment_cents=12_000_00,
        commitment_months=12,
        description="For many.",
    )
    start_subscription(
        tenant_id=people.tenant.pk, plan=pro, now=timezone.now() - timedelta(hours=1)
    )
    coupon = make_coupon(code="WELCOME", name="Welcome", months=3)
    redeem_coupon(tenant_id=people.tenant.pk, code=coupon.code, now=timezone.now())
    record(a_month_of_calls([people.api_key], [version], now), now)
    rate_usage(now=timezone.now())
    return coupon


@pytest.fixture
def book(version):
    """Half of what the list asks, and nothing for a model that the list sells."""
    book = PriceBook.objects.create(name="For many", created_at=timezone.now())
    make_price(version.served_model, rates=(50_000, 20_000, 200_000), price_book=book)
    make_price(make_served_model(name="large", is_default=False))
    return book


@pytest.mark.parametrize("look", LOOKS, ids=folder_of)
def test_plans_can_be_shown(visit, people, coupon, book, look):
    folder = folder_of(look)
    owner = people.users["owner"]
    pages = {
        "plan": "/plan/",
        "change-plan": "/plan/to/scale/",
        "cancel-plan": "/plan/cancel/",
    }
    take(visit, owner, folder, pages, **look)
    stranger = people.users["stranger"]
    take(visit, stranger, folder, {"plan-none": "/plan/"}, **look)
    operator = make_user(email="root@x.example", is_staff=True, is_superuser=True)
    tenant, scale = people.tenant.pk, Plan.objects.get(code="scale").pk
    pages = {
        "operator-plan-book": f"/operator/plans/{scale}/prices/?book={book.pk}",
        "operator-plan-book-none": f"/operator/plans/{scale}/prices/",
        "operator-plans": "/operator/plans/",
        "operator-create-plan": "/operator/plans/new/",
        "operator-tenant-plan": f"/operator/tenants/{tenant}/plan/",
        "operator-coupons": "/operator/coupons/",
        "operator-coupon": f"/operator/coupons/{coupon.pk}/",
        "operator-create-coupon": "/operator/coupons/new/",
    }
    take(visit, operator, folder, pages, **look)
