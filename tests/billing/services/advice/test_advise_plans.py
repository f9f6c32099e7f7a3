"""What a tenant would have paid on other plans."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.domain.advice import Verdict
from billing.domain.periods import Period, month_of
from billing.models.plans import PlanKind
from billing.models.price_books import PriceBook
from billing.services.advice.advise_plans import advise_plans
from billing.services.plans.preview_change import preview_change
from billing.services.plans.redeem_coupon import redeem_coupon
from billing.services.plans.start_subscription import start_subscription
from billing.services.rating.read_charges import read_charges
from tests.billing.plans import make_coupon, make_plan
from tests.billing.usage import NOON, NOVEMBER, make_price
from tests.factories import make_api_key, make_project
from tests.frontend.believable import call, record

WITHOUT_PLAN = ""
USD = 1_000_000_000
DAY = timedelta(days=1)
SPAN = Period(start=NOON - 30 * DAY, end=NOON + DAY)
MANY = {
    "input_tokens": 1_000_000,
    "cached_input_tokens": 0,
    "output_tokens": 10_000_000,
}
"""4.10 USD by the list."""


@pytest.fixture
def api_key(tenant):
    return make_api_key(project=make_project(tenant=tenant))[0]


def advise(tenant, *, span=SPAN, now=NOON):
    return advise_plans(tenant, span=span, now=now)


def costs(advice):
    return [(one.name, one.cost_nanos) for one in advice.options]


def test_it_works(tenant, api_key, price):
    """4.10 USD by the list; a plan of 3 USD includes all of the output."""
    record([call(api_key, price, NOON, **MANY)], NOON)
    plan = make_plan(
        name="Pro",
        code="pro",
        price_cents=3_00,
        allowances=[("", "output_tokens", 10_000_000)],
    )
    make_plan(name="Large", code="large", price_cents=90_00)

    found = advise(tenant)

    assert costs(found) == [
        ("Pro", 3_100_000_000),
        (WITHOUT_PLAN, 4_100_000_000),
        ("Large", 94_100_000_000),
    ]
    assert found.own.name == WITHOUT_PLAN
    assert found.better == found.options[0]
    assert found.plans[found.better.code] == plan


def test_the_own_plan_comes_to_what_the_running_month_is_billed(tenant, api_key, price):
    """By the preview of the month and by the charges that rating stores."""
    plan = make_plan(
        allowances=[("", "output_tokens", 1_000)],
        minimum_cents=35_00,
        percentage_basis_points=250,
    )
    start = NOVEMBER - DAY
    start_subscription(tenant_id=tenant.pk, plan=plan, now=start)
    redeem_coupon(tenant_id=tenant.pk, code=make_coupon().code, now=NOVEMBER)
    record([call(api_key, price, NOON - n * DAY) for n in range(9)], NOON)
    month = month_of(NOON)

    found = advise(tenant, span=month).own.replay

    preview = preview_change(
        tenant_id=tenant.pk, plan=plan, now=NOON, at=month.end - timedelta(seconds=1)
    )
    assert found.cost_nanos == preview.before_nanos > 0
    billed = read_charges(tenant.pk, month)
    assert [one.amount_nanos for one in found.charges] == [
        one.amount_nanos for one in billed
    ]


def test_each_plan_is_priced_by_its_own_book(tenant, api_key, price):
    book = PriceBook.objects.create(name="scale", created_at=NOVEMBER)
    make_price(price.served_model, rates=(50_000, 10_000, 200_000), price_book=book)
    make_plan(name="Scale", price_cents=0, price_book=book)
    record([call(api_key, price, NOON, **MANY)], NOON)

    found = advise(tenant)

    assert costs(found) == [("Scale", 2_050_000_000), (WITHOUT_PLAN, 4_100_000_000)]


def test_a_price_of_the_tenants_own_wins_on_every_plan(tenant, api_key, price):
    book = PriceBook.objects.create(name="a", tenant=tenant, created_at=NOVEMBER)
    own = make_price(price.served_model, rates=(0, 0, 100_000), price_book=book)
    make_plan(name="Pro", price_cents=1_00)
    record([call(api_key, own, NOON, **MANY)], NOON)

    assert costs(advise(tenant)) == [
        (WITHOUT_PLAN, 1_000_000_000),
        ("Pro", 2_000_000_000),
    ]


def test_a_free_plan_gives_its_credit(tenant, api_key, price):
    make_plan(name="Free", kind=PlanKind.FREE, price_cents=0, credit_cents=3_00)
    record([call(api_key, price, NOON, **MANY)], NOON)

    assert costs(advise(tenant))[0] == ("Free", 1_100_000_000)


def test_a_commitment_counts_with_a_month_of_it(tenant, api_key, price):
    make_plan(name="Year", price_cents=0, commitment_cents=120_00, commitment_months=12)
    record([call(api_key, price, NOON, **MANY)], NOON)

    year = advise(tenant).options[1]

    assert year.cost_nanos == 10 * USD
    assert year.replay.charges[-1].description == "To the commitment of Year"


def test_a_plan_that_is_no_longer_offered_is_still_ones_own(tenant, api_key, price):
    plan = make_plan(name="Old", price_cents=1_00)
    start_subscription(tenant_id=tenant.pk, plan=plan, now=NOVEMBER)
    plan.withdrawn_at = NOON - DAY
    plan.save()
    make_plan(name="Payg", kind=PlanKind.PAY_AS_YOU_GO, price_cents=0)
    record([call(api_key, price, NOON, **MANY)], NOON)

    found = advise(tenant)

    assert found.own.name == "Old"
    assert [one.name for one in found.options] == ["Payg", "Old"]
    assert found.better.name == "Payg"


def test_a_model_that_nobody_sells_any_more_keeps_its_price(tenant, api_key, price):
    record([call(api_key, price, NOON - 9 * DAY, **MANY)], NOON)
    price.effective_to = NOON - DAY
    price.save()

    assert costs(advise(tenant)) == [(WITHOUT_PLAN, 4_100_000_000)]


def test_what_is_not_sold_is_not_compared(tenant, api_key, price):
    book = PriceBook.objects.create(name="images", created_at=NOVEMBER)
    other = make_price(
        price.served_model, price_book=book, image_nanos_per_million=10**12
    )
    plan = make_plan(name="Images", price_cents=0, price_book=book)
    start_subscription(tenant_id=tenant.pk, plan=plan, now=NOVEMBER)
    make_plan(name="Payg", kind=PlanKind.PAY_AS_YOU_GO, price_cents=0)
    record([call(api_key, other, NOON, images=1)], NOON)

    images, payg = advise(tenant).options

    assert images.is_held
    assert payg.replay is None


def test_what_leases_saved_is_told_as_a_range(tenant, api_key, price):
    leased = {"input_tokens": 1_000_000, "leased_input_tokens": 900_000}
    record([call(api_key, price, NOON, cached_input_tokens=0, **leased)], NOON)

    found = advise(tenant).keeping

    assert found.verdict is Verdict.PAID
    assert found.least_saved_nanos == 18_000_000
    assert found.most_saved_nanos == 90_000_000


def test_without_use_there_is_nothing_to_say(tenant):
    make_plan(name="Pro")

    found = advise(tenant)

    assert found.usages == []
    assert found.keeping is None


def test_plans_of_another_currency_and_of_staff_are_left_out(tenant):
    make_plan(name="Euro", currency="EUR")
    make_plan(name="Secret", is_public=False)

    assert [one.name for one in advise(tenant).options] == [WITHOUT_PLAN]


def test_more_plans_ask_no_more(tenant, api_key, price):
    record([call(api_key, price, NOON)], NOON)

    def count():
        with CaptureQueriesContext(connection) as queries:
            advise(tenant)
        return len(queries)

    make_plan()
    before = count()
    for number in range(3):
        book = PriceBook.objects.create(name=f"book {number}", created_at=NOVEMBER)
        make_plan(price_book=book, allowances=[("", "output_tokens", 10)])
    assert count() == before
