"""Which price books there may be: the database is asked."""

import pytest
from django.db import IntegrityError, transaction

from billing.models.price_books import PriceBook
from tests.billing.usage import NOON
from tests.factories import make_tenant

pytestmark = pytest.mark.django_db


def make_book(**fields) -> PriceBook:
    return PriceBook.objects.create(**{"name": "book", "created_at": NOON, **fields})


def test_it_works():
    book = PriceBook.objects.list_book()

    assert (book.name, book.tenant, book.currency) == ("list", None, "USD")
    assert PriceBook.objects.list_book() == book
    assert set(PriceBook.objects.for_anybody()) == {book}


def test_each_currency_has_its_own_list():
    euros = PriceBook.objects.list_book("EUR")

    assert (euros.name, euros.currency, euros.is_list) == ("list EUR", "EUR", True)
    assert PriceBook.objects.list_book("EUR") == euros != PriceBook.objects.list_book()
    with pytest.raises(IntegrityError, match="price_list_once"), transaction.atomic():
        make_book(is_list=True, currency="EUR")


@pytest.mark.parametrize(
    ("fields", "guard"),
    [
        ({"is_list": True}, "price_list_once"),
        ({"name": "list"}, "billing_pricebook_name"),
        ({"currency": "JPY"}, "price_book_currency_known"),
    ],
)
def test_it_refuses_a_book(fields, guard):
    PriceBook.objects.list_book()

    with pytest.raises(IntegrityError, match=guard), transaction.atomic():
        make_book(**fields)


def test_it_refuses_a_list_of_one_tenant():
    with (
        pytest.raises(IntegrityError, match="price_list_is_for_anybody"),
        transaction.atomic(),
    ):
        make_book(is_list=True, tenant=make_tenant())


def test_it_refuses_a_second_book_of_a_tenant():
    tenant = make_tenant()
    make_book(tenant=tenant)

    with pytest.raises(IntegrityError, match="tenant_id"), transaction.atomic():
        make_book(name="other", tenant=tenant)


def test_it_refuses_to_become_another():
    book = make_book()

    for act in (
        lambda: PriceBook.objects.filter(pk=book.pk).update(tenant=make_tenant()),
        lambda: PriceBook.objects.filter(pk=book.pk).delete(),
    ):
        with (
            pytest.raises(IntegrityError, match="a price book never changes"),
            transaction.atomic(),
        ):
            act()
