"""An agreed price ends, and the list's holds again."""

from datetime import timedelta

import pytest
from django.conf import settings

from billing.errors import PriceInThePastError, PriceOutOfOrderError
from billing.models.price_books import PriceBook
from billing.services.prices.end_price import end_price
from billing.services.prices.price_of import prices_of
from billing.services.prices.set_price import set_price
from metering.wire import SNAPSHOT_KIND
from tenants.domain import snapshot
from tests.billing.usage import DECEMBER, NOON, make_price

DAY = timedelta(days=1)


@pytest.fixture
def agreed(tenant, price):
    book = PriceBook.objects.create(name="Acme", tenant=tenant, created_at=NOON)
    return make_price(price.served_model, price_book=book)


def test_it_works(tenant, price, agreed, valkey, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        ended = end_price(agreed, effective_to=DECEMBER, now=NOON)

    model_id = price.served_model_id
    assert ended.effective_to == DECEMBER
    assert prices_of(tenant.pk, at=NOON) == {model_id: agreed}
    assert prices_of(tenant.pk, at=DECEMBER) == {model_id: price}
    blob = valkey.get(snapshot.valkey_key(SNAPSHOT_KIND))
    items = snapshot.verify(
        blob, kind=SNAPSHOT_KIND, secret=settings.SNAPSHOT_KEY
    ).items
    ends = {one["price_version_id"]: one["effective_to"] for one in items}
    assert ends == {price.pk: None, agreed.pk: DECEMBER.timestamp()}
    assert end_price(agreed, effective_to=DECEMBER, now=NOON) == agreed


def test_another_price_may_follow_after_a_gap(tenant, price, agreed):
    end_price(agreed, effective_to=DECEMBER, now=NOON)
    next_one = set_price(
        served_model=price.served_model,
        price_book=agreed.price_book,
        rates=agreed.rates,
        effective_from=DECEMBER + DAY,
        now=NOON,
    )

    agreed.refresh_from_db()
    assert agreed.effective_to == DECEMBER
    model_id = price.served_model_id
    assert prices_of(tenant.pk, at=DECEMBER) == {model_id: price}
    assert prices_of(tenant.pk, at=DECEMBER + DAY) == {model_id: next_one}


def test_it_refuses_another_price_before_the_end(price, agreed):
    end_price(agreed, effective_to=DECEMBER, now=NOON)

    with pytest.raises(PriceOutOfOrderError, match="until 2026-12-01"):
        set_price(
            served_model=price.served_model,
            price_book=agreed.price_book,
            rates=agreed.rates,
            effective_from=DECEMBER - DAY,
            now=NOON,
        )


def test_it_refuses_an_end_in_the_past(agreed):
    with pytest.raises(PriceInThePastError):
        end_price(agreed, effective_to=NOON - DAY, now=NOON)


def test_it_refuses_to_end_the_list(price):
    with pytest.raises(PriceOutOfOrderError):
        end_price(price, effective_to=DECEMBER, now=NOON)

    price.refresh_from_db()
    assert price.effective_to is None


def test_it_refuses_another_end(agreed):
    end_price(agreed, effective_to=DECEMBER, now=NOON)

    with pytest.raises(PriceOutOfOrderError):
        end_price(agreed, effective_to=DECEMBER + DAY, now=NOON)
