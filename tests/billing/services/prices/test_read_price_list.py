"""A tenant's prices now and later."""

from datetime import timedelta

import pytest

from billing.models.plans import Plan, PlanKind, Subscription
from billing.models.price_books import PriceBook
from billing.services.prices.end_price import end_price
from billing.services.prices.price_of import prices_of
from billing.services.prices.read_price_list import read_price_list
from tests.billing.usage import DECEMBER, NOON, make_price
from tests.factories import make_served_model, make_tenant

DAY = timedelta(days=1)


@pytest.fixture
def own(tenant):
    return PriceBook.objects.create(name="Acme", tenant=tenant, created_at=NOON)


def told(tenant, *, now=NOON):
    return {
        one.served_model.name: (
            one.version,
            [(change.at, change.version) for change in one.changes],
        )
        for one in read_price_list(tenant.pk, now=now)
    }


def test_it_works(tenant, price, django_assert_num_queries):
    make_served_model(name="unsold", is_default=False)
    name = price.served_model.name

    with django_assert_num_queries(3):
        assert told(tenant) == {name: (price, [])}


def test_what_was_agreed_ends_and_the_list_holds_again(tenant, own, price):
    agreed = make_price(price.served_model, price_book=own)
    end_price(agreed, effective_to=DECEMBER, now=NOON)
    name = price.served_model.name

    assert told(tenant) == {name: (agreed, [(DECEMBER, price)])}
    assert told(make_tenant()) == {name: (price, [])}
    assert told(tenant, now=DECEMBER) == {name: (price, [])}


def test_a_change_of_the_list_behind_the_own_price_is_none(tenant, own, price):
    agreed = make_price(price.served_model, price_book=own)
    price.effective_to = DECEMBER
    price.save()
    make_price(price.served_model, effective_from=DECEMBER)

    assert told(tenant) == {price.served_model.name: (agreed, [])}


def test_a_plan_that_begins_and_ends_changes_prices_twice(tenant, price):
    book = PriceBook.objects.create(name="scale", created_at=NOON)
    by_plan = make_price(price.served_model, price_book=book)
    plan = Plan.objects.create(
        code="scale",
        name="Scale",
        kind=PlanKind.SUBSCRIPTION,
        price_book=book,
        created_at=NOON,
    )
    Subscription.objects.create(
        tenant=tenant,
        plan=plan,
        starts_at=DECEMBER,
        ends_at=DECEMBER + DAY,
        created_at=NOON,
    )

    name = price.served_model.name
    changes = [(DECEMBER, by_plan), (DECEMBER + DAY, price)]
    assert told(tenant) == {name: (price, changes)}
    for at, version in changes:
        assert prices_of(tenant.pk, at=at) == {price.served_model_id: version}


def test_a_model_that_will_be_sold_says_from_when(tenant, own, price):
    later = make_served_model(name="later", is_default=False)
    first = make_price(later, price_book=own, effective_from=DECEMBER)
    end_price(first, effective_to=DECEMBER + DAY, now=NOON)

    assert told(tenant)["later"] == (
        None,
        [(DECEMBER, first), (DECEMBER + DAY, None)],
    )
    assert told(tenant)[price.served_model.name] == (price, [])
