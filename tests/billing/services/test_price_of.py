"""Which prices are a tenant's."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models.price_books import PriceBook
from billing.services.price_of import books_of, price_books_of_tenants, prices_of
from billing.services.publish_price_vectors import read_price_vectors
from tenants.services.publish_key_policies import read_key_policies
from tests.billing.usage import NOON, make_price
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
