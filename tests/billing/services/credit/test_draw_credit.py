"""An invoice is paid with credit, and gives back what its calls were charged."""

from datetime import timedelta

import pytest

from billing.domain.credit import CreditKind
from billing.domain.spend_counters import money_key
from billing.services.credit.credit_of import credit_of
from billing.services.credit.draw_credit import draw_credit
from billing.services.credit.expire_credit import expire_credit
from tests.billing.credit import (
    CENT,
    call,
    check_one_number,
    drawn,
    give,
    issue,
    remaining,
    ship_everything,
)
from tests.billing.usage import DECEMBER, NOON, balances
from tests.factories import make_api_key, make_project, make_tenant

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def api_key(tenant):
    return make_api_key(project=make_project(tenant=tenant))[0]


@pytest.fixture(autouse=True)
def _shipped(monkeypatch):
    ship_everything(monkeypatch)


def test_it_works(tenant, api_key, price):
    """7 cents of calls, paid with 10 cents of credit."""
    grant = give(tenant, 10 * CENT)
    call(api_key, price, 7 * CENT)

    invoice = issue(tenant)

    assert (invoice.status, invoice.credit_applied_cents) == ("paid", 7)
    assert drawn(invoice) == [(grant.pk, 7 * CENT)]
    assert invoice.charged_nanos == 7 * CENT
    assert credit_of(tenant) == remaining(grant) == 3 * CENT
    assert balances(tenant)["receivable"] == 0
    assert balances(tenant)["credit"] == -3 * CENT
    check_one_number(tenant, total=7 * CENT)


def test_what_the_limiter_rounded_up_comes_back(tenant, api_key, price):
    """Calls are charged rounded up; the invoice is not."""
    give(tenant, 10 * CENT)
    call(api_key, price, 3 * CENT, rounding=5)
    call(api_key, price, 4 * CENT, rounding=6)
    check_one_number(tenant, total=7 * CENT + 11)

    invoice = issue(tenant)

    assert invoice.charged_nanos == 7 * CENT + 11
    assert credit_of(tenant) == 3 * CENT
    check_one_number(tenant, total=7 * CENT + 11)


def test_the_limiter_is_told(
    valkey, tenant, api_key, price, django_capture_on_commit_callbacks
):
    give(tenant, 10 * CENT)
    call(api_key, price, 7 * CENT, rounding=5)

    with django_capture_on_commit_callbacks(execute=True):
        issue(tenant)

    assert int(valkey.hget(money_key(tenant.pk), "credit")) == 10 * CENT + 5


def test_without_credit_the_invoice_is_owed(tenant, api_key, price):
    call(api_key, price, 7 * CENT)

    invoice = issue(tenant)

    assert (invoice.status, invoice.credit_applied_cents) == ("issued", 0)
    assert balances(tenant)["receivable"] == 7 * CENT
    check_one_number(tenant, total=7 * CENT)


def test_what_credit_does_not_cover_is_owed(tenant, api_key, price):
    """5 cents and a half are there: half a cent cannot be paid with, and stays."""
    give(tenant, 5 * CENT + CENT // 2)
    call(api_key, price, 7 * CENT)

    invoice = issue(tenant)

    assert (invoice.status, invoice.credit_applied_cents) == ("issued", 5)
    assert balances(tenant)["receivable"] == 2 * CENT
    assert credit_of(tenant) == CENT // 2
    check_one_number(tenant, total=7 * CENT)


def test_gifts_go_first_then_what_expires_then_the_oldest(tenant, api_key, price):
    new = give(tenant, 4 * CENT, now=NOON - DAY)
    old = give(tenant, 4 * CENT, now=NOON - 2 * DAY)
    ending = give(tenant, CENT, expires_at=DECEMBER + DAY)
    gift = give(tenant, 2 * CENT, kind=CreditKind.PROMOTIONAL)
    call(api_key, price, 8 * CENT)

    invoice = issue(tenant)

    assert drawn(invoice) == [
        (gift.pk, 2 * CENT),
        (ending.pk, CENT),
        (old.pk, 4 * CENT),
        (new.pk, CENT),
    ]


def test_the_parts_of_a_month_draw_for_themselves(tenant, api_key, price):
    give(tenant, 10 * CENT)
    call(api_key, price, 2 * CENT, at=NOON - DAY, rounding=1)
    call(api_key, price, 3 * CENT, rounding=1)

    first = issue(tenant, until=NOON.replace(hour=0))
    assert (first.credit_applied_cents, first.charged_nanos) == (2, 2 * CENT + 1)
    check_one_number(tenant, total=5 * CENT + 2)
    call(api_key, price, CENT, at=NOON - DAY)
    second = issue(tenant)

    assert (second.credit_applied_cents, second.charged_nanos) == (4, 4 * CENT + 1)
    check_one_number(tenant, total=6 * CENT + 2)


def test_a_second_call_draws_nothing_more(tenant, api_key, price):
    give(tenant, 10 * CENT)
    call(api_key, price, 7 * CENT)
    invoice = issue(tenant)

    assert draw_credit(invoice, now=DECEMBER) == 7 * CENT
    assert credit_of(tenant) == 3 * CENT


def test_expired_credit_pays_for_what_calls_had_used(tenant, api_key, price):
    """Of 10 cents 4 were used before the end: these pay, though a better grant came."""
    ending = give(tenant, 10 * CENT, expires_at=NOON)
    call(api_key, price, 4 * CENT, at=NOON - DAY)
    call(api_key, price, 3 * CENT, at=NOON + DAY)
    assert expire_credit(now=NOON) == 1
    gift = give(tenant, 20 * CENT, kind=CreditKind.PROMOTIONAL, now=NOON)

    invoice = issue(tenant)

    assert drawn(invoice) == [(ending.pk, 4 * CENT), (gift.pk, 3 * CENT)]
    check_one_number(tenant, total=7 * CENT)


def test_credit_that_expired_unseen_expires_first(tenant, api_key, price):
    """Nobody looked since its end; the invoice must not draw all of it."""
    ending = give(tenant, 10 * CENT, expires_at=NOON)
    call(api_key, price, 4 * CENT, at=NOON - DAY)
    call(api_key, price, 3 * CENT, at=NOON)

    invoice = issue(tenant)

    assert drawn(invoice) == [(ending.pk, 4 * CENT)]
    assert remaining(ending) == 0
    assert balances(tenant)["breakage"] == -6 * CENT


def test_credit_that_ended_before_the_month_pays_nothing_of_it(tenant, api_key, price):
    """What is left of it is for an invoice of the month before."""
    earlier = NOON - timedelta(days=30)
    ending = give(tenant, 10 * CENT, expires_at=earlier + DAY, now=earlier - DAY)
    call(api_key, price, 4 * CENT, at=earlier)
    call(api_key, price, 3 * CENT)
    expire_credit(now=NOON)

    assert drawn(issue(tenant)) == []
    october = issue(tenant, month=earlier.replace(day=1, hour=0))
    assert drawn(october) == [(ending.pk, 4 * CENT)]


def test_another_tenants_credit_is_not_drawn(tenant, api_key, price):
    give(make_tenant(name="Other"), 10 * CENT)
    call(api_key, price, 7 * CENT)

    assert drawn(issue(tenant)) == []
