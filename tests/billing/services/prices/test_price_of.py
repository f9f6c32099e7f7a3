"""Which prices are a tenant's."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models.plans import Plan, PlanKind, Subscription
from billing.models.price_books import PriceBook
from billing.services.plans.start_subscription import start_subscription
from billing.services.prices.price_of import books_of, price_books_of_tenants, prices_of
from billing.services.prices.publish_price_vectors import read_price_vectors
from tenants.services.publish_key_policies import read_key_policies
from tests.billing.plans import make_plan
from tests.billing.usage import DECEMBER, NOON, make_price
from tests.factories import (
    make_api_key,
    make_project,
    make_served_model,
    make_tenant,
)

MOMENT = timedelta(microseconds=1)


@pytest.fixture
def own(tenant):
    return PriceBook.objects.create(name="agreed", tenant=tenant, created_at=NOON)


def test_it_works(tenant, own, price):
    cheaper = make_price(
        price.served_model, rates=(50_000, 10_000, 200_000), price_book=own
    )
    second = make_price(make_served_model(name="second", is_default=False))

    assert books_of(tenant.pk, NOON) == [own, PriceBook.objects.list_book()]
    assert prices_of(tenant.pk, at=NOON) == {
        price.served_model_id: cheaper,
        second.served_model_id: second,
    }
    ids = [second.served_model_id]
    assert set(prices_of(tenant.pk, at=NOON, served_model_ids=ids)) == set(ids)


def test_another_tenant_pays_the_list(own, price):
    make_price(price.served_model, price_book=own)
    stranger = make_tenant(slug="stranger")

    assert books_of(stranger.pk, NOON) == [PriceBook.objects.list_book()]
    assert prices_of(stranger.pk, at=NOON) == {price.served_model_id: price}


def test_where_the_own_price_is_not_in_force_the_list_is(tenant, own, price):
    later = make_price(price.served_model, price_book=own, effective_from=NOON)

    before = prices_of(tenant.pk, at=NOON - MOMENT)
    assert before == {price.served_model_id: price}
    assert prices_of(tenant.pk, at=NOON) == {price.served_model_id: later}


@pytest.mark.usefixtures("own")
def test_a_model_without_a_price_is_left_out(tenant, price):
    unsold = make_served_model(name="unsold", is_default=False)

    assert unsold.pk not in prices_of(tenant.pk, at=NOON)
    assert set(prices_of(tenant.pk, at=NOON)) == {price.served_model_id}


def hold_plan(tenant, price_book, *, starts_at=NOON, ends_at=None):
    plan = Plan.objects.create(
        code=f"plan-{Plan.objects.count()}",
        name="Scale",
        kind=PlanKind.SUBSCRIPTION,
        price_book=price_book,
        created_at=NOON,
    )
    Subscription.objects.create(
        tenant=tenant,
        plan=plan,
        starts_at=starts_at,
        ends_at=ends_at,
        created_at=NOON,
    )


@pytest.fixture
def scale(db):  # noqa: ARG001  pytest asks by argument
    return PriceBook.objects.create(name="scale", created_at=NOON)


def test_a_plan_comes_between_its_own_book_and_the_list(tenant, own, scale, price):
    hold_plan(tenant, scale)
    by_plan = make_price(price.served_model, price_book=scale)
    listed = PriceBook.objects.list_book()

    assert books_of(tenant.pk, NOON) == [own, scale, listed]
    assert price_books_of_tenants(NOON) == {tenant.pk: (own.pk, scale.pk)}
    assert prices_of(tenant.pk, at=NOON) == {price.served_model_id: by_plan}
    agreed = make_price(price.served_model, price_book=own)
    assert prices_of(tenant.pk, at=NOON) == {price.served_model_id: agreed}


def test_a_plan_prices_from_its_begin_to_its_end(tenant, scale, price):
    hold_plan(tenant, scale, starts_at=NOON, ends_at=DECEMBER)
    by_plan = make_price(price.served_model, price_book=scale)

    def charged(at):
        told = price_books_of_tenants(at).get(tenant.pk, ())
        assert told == tuple(one.pk for one in books_of(tenant.pk, at)[:-1])
        return prices_of(tenant.pk, at=at)[price.served_model_id]

    assert charged(NOON - MOMENT) == price
    assert charged(NOON) == by_plan
    assert charged(DECEMBER - MOMENT) == by_plan
    assert charged(DECEMBER) == price


def test_a_plan_without_a_book_pays_the_list(tenant, price):
    hold_plan(tenant, None)
    hold_plan(make_tenant(), PriceBook.objects.list_book())

    assert price_books_of_tenants(NOON) == {}
    assert books_of(tenant.pk, NOON) == [PriceBook.objects.list_book()]
    assert prices_of(tenant.pk, at=NOON) == {price.served_model_id: price}


def test_a_plan_never_leads_to_the_book_of_another_tenant(tenant, own, price):
    make_price(price.served_model, price_book=own)
    stranger = make_tenant()
    hold_plan(stranger, own)

    assert price_books_of_tenants(NOON) == {tenant.pk: (own.pk,)}
    assert prices_of(stranger.pk, at=NOON) == {price.served_model_id: price}


def test_the_proxies_are_told(tenant, own, price):
    agreed = make_price(price.served_model, price_book=own)
    make_api_key()
    make_api_key(project=make_project(tenant=tenant))

    policies = {one.tenant_id: one for one in read_key_policies(timezone.now())}
    vectors = read_price_vectors(NOON)

    assert price_books_of_tenants(NOON) == {tenant.pk: (own.pk,)}
    told = {tenant_id: policy.price_books for tenant_id, policy in policies.items()}
    assert told.pop(tenant.pk) == (own.pk,)
    assert set(told.values()) == {()}
    assert {one.price_version_id: one.price_book_id for one in vectors} == {
        price.pk: 0,
        agreed.pk: own.pk,
    }


@pytest.mark.django_db
def test_each_currency_has_its_own_list():
    """The model that has no price in euros is not sold for euros."""
    american, european = make_tenant(), make_tenant(currency="EUR")
    euros = PriceBook.objects.list_book("EUR")
    dollar_price = make_price()
    euro_price = make_price(dollar_price.served_model, price_book=euros)
    dollars_only = make_price(make_served_model(name="second", is_default=False))

    model, second = dollar_price.served_model_id, dollars_only.served_model_id
    assert books_of(european.pk, NOON) == [euros]
    assert prices_of(european.pk, at=NOON) == {model: euro_price}
    assert prices_of(american.pk, at=NOON) == {
        model: dollar_price,
        second: dollars_only,
    }


@pytest.mark.django_db
def test_the_data_plane_is_told_of_the_list_of_a_currency():
    european = make_tenant(currency="EUR")
    make_api_key(project=make_project(tenant=european))
    make_tenant(currency="CHF")  # for whom no list was opened
    euros = PriceBook.objects.list_book("EUR")
    price = make_price()
    make_price(price.served_model, price_book=euros)

    (policy,) = read_key_policies(NOON)
    assert (policy.currency, policy.price_books) == ("EUR", (euros.pk,))
    assert price_books_of_tenants(NOON) == {european.pk: (euros.pk,)}
    vectors = read_price_vectors(NOON)
    assert [one.price_book_id for one in vectors] == [0, euros.pk]


def test_what_a_plan_names_comes_before_the_list_of_its_currency(own, scale):
    del own, scale
    european = make_tenant(currency="EUR")
    euros = PriceBook.objects.list_book("EUR")
    of_plan = PriceBook.objects.create(name="e", currency="EUR", created_at=NOON)
    plan = make_plan(price_book=of_plan, currency="EUR")
    start_subscription(tenant_id=european.pk, plan=plan, now=NOON)

    assert books_of(european.pk, NOON) == [of_plan, euros]
    assert price_books_of_tenants(NOON)[european.pk] == (of_plan.pk, euros.pk)
