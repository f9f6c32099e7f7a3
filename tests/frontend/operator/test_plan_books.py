"""Staff see what another price book would change for a plan before it does."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models.price_books import PriceBook
from tests.billing.plans import make_plan
from tests.billing.usage import NOON, make_price
from tests.factories import make_served_model, make_user
from tests.frontend.people import client_of


@pytest.fixture
def boss(db):  # noqa: ARG001  opens the database
    return client_of(
        make_user(email="boss@x.example", is_staff=True, is_superuser=True)
    )


@pytest.fixture
def plan(db):  # noqa: ARG001  opens the database
    return make_plan(name="Scale")


@pytest.fixture
def book(db):  # noqa: ARG001  opens the database
    """Half of what the list asks of the one model."""
    listed = make_price(make_served_model(name="small"))
    book = PriceBook.objects.create(name="half", created_at=NOON)
    make_price(listed.served_model, rates=(50_000, 20_000, 200_000), price_book=book)
    return book


def address(plan) -> str:
    return f"/operator/plans/{plan.pk}/prices/"


def test_it_works(boss, plan, book, valkey):
    del valkey  # the proxies are told
    assert "Never yet" in boss.get(address(plan)).content.decode()

    shown = boss.get(f"{address(plan)}?book={book.pk}")

    changes = [
        (one.model, one.title, one.before.price, one.after.price)
        for one in shown.context["changes"]
    ]
    assert changes == [
        ("small", "New input", "$0.10", "$0.05"),
        ("small", "Output", "$0.40", "$0.20"),
    ]
    plan.refresh_from_db()
    assert plan.price_book is None  # nothing was done yet

    assert boss.post(address(plan), {"book": book.pk}).status_code == 302

    plan.refresh_from_db()
    after = boss.get(address(plan)).content.decode()
    assert plan.price_book == book
    assert "boss@x.example" in after


def test_the_list_can_be_chosen_again(boss, plan, book, valkey):
    del valkey
    boss.post(address(plan), {"book": book.pk})

    shown = boss.get(f"{address(plan)}?book=")
    assert [one.after.price for one in shown.context["changes"]] == ["$0.10", "$0.40"]
    assert boss.post(address(plan), {"book": ""}).status_code == 302

    plan.refresh_from_db()
    assert plan.price_book is None


def test_it_refuses_a_book_that_lacks_a_model(boss, plan, book):
    make_price(make_served_model(name="other", is_default=False))

    shown = boss.get(f"{address(plan)}?book={book.pk}").content.decode()
    assert "It has no price of other" in shown
    assert "Price the plan by" not in shown
    answer = boss.post(address(plan), {"book": book.pk})

    plan.refresh_from_db()
    assert (answer.status_code, plan.price_book) == (422, None)


@pytest.mark.parametrize("book", ["0", "much", "99999"])
def test_it_refuses_a_book_that_is_none(boss, plan, book):
    assert boss.get(f"{address(plan)}?book={book}").status_code == 422
    assert boss.post(address(plan), {"book": book}).status_code == 422


def test_more_models_ask_no_more(boss, plan, book):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            boss.get(f"{address(plan)}?book={book.pk}")
        return len(queries)

    count()
    before = count()
    for number in range(5):
        made = make_served_model(name=f"m{number}", is_default=False)
        make_price(made)
        make_price(made, rates=(1, 1, 1), price_book=book)

    assert count() == before <= 14
