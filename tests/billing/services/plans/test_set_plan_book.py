"""A plan gets other prices, and what it had is kept."""

import pytest
from django.db import DatabaseError, transaction

from billing.errors import InvalidPlanError
from billing.models.plan_books import PlanBookChange
from billing.models.plans import Plan
from billing.models.price_books import PriceBook
from billing.services.plans.preview_plan_book import preview_plan_book
from billing.services.plans.set_plan_book import set_plan_book
from billing.services.plans.start_subscription import start_subscription
from billing.services.prices.price_of import prices_of
from tenants.services.publish_key_policies import read_key_policies
from tests.billing.plans import make_plan
from tests.billing.usage import DECEMBER, NOON, make_price
from tests.factories import (
    make_api_key,
    make_project,
    make_served_model,
    make_tenant,
    make_user,
)

CHEAP = (50_000, 10_000, 200_000)


pytestmark = pytest.mark.usefixtures("valkey")  # the proxies are told


@pytest.fixture
def plan(price):  # noqa: ARG001  the list sells a model
    return make_plan()


@pytest.fixture
def staff(db):  # noqa: ARG001  opens the database
    return make_user(is_staff=True)


@pytest.fixture
def book(price):
    """Half of the list's price."""
    book = PriceBook.objects.create(name="scale", created_at=NOON)
    make_price(price.served_model, rates=CHEAP, price_book=book)
    return book


def put(plan, book, staff) -> Plan:
    return set_plan_book(plan.pk, book, changed_by=staff, now=NOON)


def test_it_works(tenant, plan, book, staff):
    start_subscription(tenant_id=tenant.pk, plan=plan, now=NOON)
    make_api_key(project=make_project(tenant=tenant))
    (before,) = prices_of(tenant.pk, at=NOON).values()
    assert before.price_book.is_list

    put(plan, book, staff)

    (after,) = prices_of(tenant.pk, at=NOON).values()
    assert after.price_book == book
    (policy,) = read_key_policies(NOON)
    assert policy.price_books == (book.pk,)
    kept = PlanBookChange.objects.get()
    assert (kept.before, kept.after) == (None, book)
    assert (kept.changed_by, kept.changed_at) == (staff, NOON)


def test_the_second_time_changes_nothing(plan, book, staff):
    put(plan, book, staff)

    assert put(plan, book, staff).price_book == book

    assert PlanBookChange.objects.count() == 1


def test_it_goes_back_to_the_list(plan, book, staff):
    put(plan, book, staff)

    assert put(plan, None, staff).price_book is None

    changes = PlanBookChange.objects.order_by("pk")
    assert [one.after for one in changes] == [book, None]


def test_the_preview_shows_whose_price_changes(plan, book, price):
    other = make_served_model(name="other", is_default=False)
    same = make_price(other)

    preview = preview_plan_book(plan, book, now=NOON)

    (change,) = preview.changes
    assert (change.served_model, change.before) == (price.served_model, price)
    assert change.after is not None
    assert change.after.output_nanos_per_million == 200_000_000
    assert preview.lacking == (same.served_model,)
    assert preview_plan_book(plan, None, now=NOON).changes == ()


def test_what_the_book_alone_sells_is_shown(plan, book):
    extra = make_price(
        make_served_model(name="extra", is_default=False), price_book=book
    )

    changes = preview_plan_book(plan, book, now=NOON).changes

    assert (None, extra) in [(one.before, one.after) for one in changes]


def test_it_refuses_a_book_that_lacks_a_model(plan, book, staff):
    make_price(make_served_model(name="other", is_default=False))

    with pytest.raises(InvalidPlanError, match="no price of other"):
        put(plan, book, staff)

    assert Plan.objects.get().price_book is None
    assert not PlanBookChange.objects.exists()


def test_it_refuses_the_book_of_a_tenant(plan, staff):
    theirs = PriceBook.objects.create(
        name="Acme", tenant=make_tenant(name="Acme"), created_at=NOON
    )

    with pytest.raises(InvalidPlanError, match="no book for plans"):
        put(plan, theirs, staff)


def test_it_refuses_the_list(plan, staff):
    with pytest.raises(InvalidPlanError, match="no book for plans"):
        put(plan, PriceBook.objects.list_book(), staff)


def test_it_refuses_another_currency(plan, staff):
    book = PriceBook.objects.create(name="euro", currency="EUR", created_at=NOON)

    with pytest.raises(InvalidPlanError, match="in USD"):
        put(plan, book, staff)


def test_what_was_changed_cannot_be_rewritten(plan, book, staff):
    put(plan, book, staff)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        PlanBookChange.objects.update(changed_at=DECEMBER)
