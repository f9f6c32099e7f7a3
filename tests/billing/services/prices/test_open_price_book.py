"""A book of prices beside the list."""

import pytest
from django.utils import timezone

from billing.errors import OtherCurrencyError, PriceBookTakenError
from billing.models.price_books import PriceBook
from billing.services.prices.open_price_book import open_price_book
from tenants.domain import snapshot
from tenants.errors import UnknownCurrencyError
from tenants.wire import SNAPSHOT_KIND
from tests.billing.usage import DECEMBER, NOON
from tests.factories import make_api_key, make_project, make_tenant


def test_it_works(tenant, valkey, settings, django_capture_on_commit_callbacks):
    make_api_key(project=make_project(tenant=tenant))
    with django_capture_on_commit_callbacks(execute=True):
        book = open_price_book(name="Acme", tenant=tenant, now=NOON)

    blob = valkey.get(snapshot.valkey_key(SNAPSHOT_KIND))
    (policy,) = snapshot.verify(
        blob, kind=SNAPSHOT_KIND, secret=settings.SNAPSHOT_KEY
    ).items
    assert policy["price_books"] == [book.pk]
    assert (book.name, book.tenant, book.created_at) == ("Acme", tenant, NOON)
    assert open_price_book(name="Acme", tenant=tenant, now=DECEMBER) == book


@pytest.mark.django_db
def test_a_book_for_plans_is_nobodys():
    book = open_price_book(name="partners", now=NOON)

    assert book.tenant is None
    assert open_price_book(name="partners", now=DECEMBER) == book


@pytest.mark.django_db
def test_a_book_is_in_its_tenants_currency(settings):
    euros = open_price_book(name="A", tenant=make_tenant(currency="EUR"), now=NOON)
    settings.DEFAULT_CURRENCY = "CHF"
    francs = open_price_book(name="partners", now=NOON)

    assert (euros.currency, francs.currency) == ("EUR", "CHF")


def test_it_refuses_a_book_in_another_currency_than_its_tenants(tenant):
    with pytest.raises(OtherCurrencyError, match=r"EUR.*USD"):
        open_price_book(name="A", tenant=tenant, currency="EUR", now=NOON)
    with pytest.raises(UnknownCurrencyError):
        open_price_book(name="yen", currency="JPY", now=NOON)
    open_price_book(name="partners", now=NOON)
    with pytest.raises(PriceBookTakenError):
        open_price_book(name="partners", currency="EUR", now=NOON)


def test_it_refuses_a_name_that_is_taken(tenant):
    open_price_book(name="Acme", tenant=tenant, now=NOON)

    with pytest.raises(PriceBookTakenError):
        open_price_book(name="Acme", tenant=make_tenant(), now=NOON)
    with pytest.raises(PriceBookTakenError):
        open_price_book(name="Acme", now=NOON)
    assert PriceBook.objects.filter(name="Acme").count() == 1


@pytest.mark.django_db
def test_it_refuses_the_name_of_the_list():
    PriceBook.objects.list_book()

    with pytest.raises(PriceBookTakenError):
        open_price_book(name="list", now=timezone.now())


def test_it_refuses_a_second_book_of_a_tenant(tenant):
    open_price_book(name="Acme", tenant=tenant, now=NOON)

    with pytest.raises(PriceBookTakenError):
        open_price_book(name="Acme 2", tenant=tenant, now=NOON)
