"""What a voided invoice drew returns to the grants that it came from."""

import pytest
from django.db import transaction

from billing.models.invoices import Invoice
from billing.models.rating import BillingPeriod
from billing.services.credit.credit_of import credit_of
from billing.services.credit.expire_credit import expire_credit
from billing.services.credit.return_credit import return_credit
from billing.services.rating.rate_period import rate_period
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
from tests.factories import make_api_key, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def api_key(tenant):
    return make_api_key(project=make_project(tenant=tenant))[0]


@pytest.fixture(autouse=True)
def _shipped(monkeypatch):
    ship_everything(monkeypatch)


@transaction.atomic
def void(invoice):
    """As the service does that voids an invoice."""
    returned = return_credit(invoice, now=DECEMBER)
    Invoice.objects.filter(pk=invoice.pk).update(status="void")
    rate_period(BillingPeriod.objects.get().pk, now=DECEMBER)
    return returned


def test_it_works(tenant, api_key, price):
    grant = give(tenant, 5 * CENT)
    call(api_key, price, 7 * CENT, rounding=3)
    invoice = issue(tenant)

    assert void(invoice) == 5 * CENT

    assert credit_of(tenant) == remaining(grant) == 5 * CENT
    assert balances(tenant)["credit"] == -5 * CENT
    assert balances(tenant)["receivable"] == 7 * CENT  # what voiding itself books
    check_one_number(tenant, total=7 * CENT + 3)


def test_a_second_call_returns_nothing(tenant, api_key, price):
    give(tenant, 5 * CENT)
    call(api_key, price, 7 * CENT)
    invoice = issue(tenant)
    return_credit(invoice, now=DECEMBER)

    assert return_credit(invoice, now=DECEMBER) == 0
    assert credit_of(tenant) == 5 * CENT


def test_an_invoice_without_credit_returns_none(tenant, api_key, price):
    call(api_key, price, 7 * CENT)

    assert void(issue(tenant)) == 0


def test_what_returns_pays_when_it_is_billed_anew(tenant, api_key, price):
    """The grant has ended since; its calls are still those that used it."""
    ending = give(tenant, 9 * CENT, expires_at=NOON)
    call(api_key, price, 7 * CENT, at=NOON.replace(hour=1))
    call(api_key, price, CENT)
    expire_credit(now=NOON)
    void(issue(tenant))
    assert expire_credit(now=DECEMBER) == 0

    again = issue(tenant)

    assert drawn(again) == [(ending.pk, 7 * CENT)]
    check_one_number(tenant, total=8 * CENT)
