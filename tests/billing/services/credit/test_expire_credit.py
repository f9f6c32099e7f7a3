"""Credit expires, but for what calls had used by then."""

import json
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connections, transaction

from billing.domain.credit import CreditKind
from billing.models.credit import CreditExpiry
from billing.models.webhooks import WebhookMessage
from billing.services.credit.credit_of import credit_of
from billing.services.credit.expire_credit import expire_credit
from billing.services.ledger import lock_tenant as locking
from billing.services.ledger.lock_tenant import lock_tenant
from tests.billing.credit import (
    CENT,
    call,
    check_one_number,
    give,
    issue,
    remaining,
    ship_everything,
)
from tests.billing.usage import DECEMBER, NOON, balances
from tests.billing.webhooks import make_endpoint
from tests.factories import make_api_key, make_project, make_tenant
from tests.parallel import in_parallel

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def api_key(tenant):
    return make_api_key(project=make_project(tenant=tenant))[0]


@pytest.fixture(autouse=True)
def _shipped(monkeypatch):
    ship_everything(monkeypatch)


def test_it_works(tenant):
    grant = give(tenant, 10 * CENT, expires_at=NOON)

    assert expire_credit(now=NOON - HOUR) == 0
    assert credit_of(tenant) == 10 * CENT
    assert expire_credit(now=NOON) == 1

    assert credit_of(tenant) == remaining(grant) == 0
    assert balances(tenant) == {"funds": 10 * CENT, "credit": 0, "breakage": -10 * CENT}
    expiry = CreditExpiry.objects.get()
    assert (expiry.amount_nanos, expiry.expired_at) == (10 * CENT, NOON)


def test_the_tenants_systems_are_told(tenant):
    make_endpoint(tenant)
    grant = give(tenant, 10 * CENT, expires_at=NOON)
    expire_credit(now=NOON)
    expire_credit(now=NOON)

    message = WebhookMessage.objects.get(type="credit.expired")
    assert json.loads(message.payload)["data"] == {
        "credit_grant_id": grant.pk,
        "amount_nanos": 10 * CENT,
    }


def test_a_second_call_changes_nothing(tenant, api_key, price):
    give(tenant, 10 * CENT, expires_at=NOON)
    call(api_key, price, 4 * CENT, at=NOON - HOUR)
    expire_credit(now=NOON)

    assert expire_credit(now=NOON + DAY) == 0
    assert credit_of(tenant) == 4 * CENT


def test_what_calls_used_stays_until_it_is_billed(tenant, api_key, price):
    """4 of 10 cents were used; the limiter has counted the same, so nothing is left."""
    give(tenant, 10 * CENT, expires_at=NOON)
    call(api_key, price, 4 * CENT, at=NOON - timedelta(microseconds=1))
    call(api_key, price, CENT, at=NOON)  # after the end: paid by nobody

    expire_credit(now=NOON)

    assert credit_of(tenant) == 4 * CENT
    check_one_number(tenant, total=5 * CENT)


def test_a_better_grant_was_used_before_it(tenant, api_key, price):
    """4 cents of calls: a gift paid 3 of them."""
    give(tenant, 3 * CENT, kind=CreditKind.PROMOTIONAL)
    ending = give(tenant, 10 * CENT, expires_at=NOON)
    call(api_key, price, 4 * CENT, at=NOON - HOUR)

    expire_credit(now=NOON)

    assert remaining(ending) == CENT


def test_what_an_invoice_leaves_of_it_expires_then(tenant, api_key, price):
    """Of calls of 4.5 cents the invoice asks for 5; the limiter had charged 5.4."""
    ending = give(tenant, 10 * CENT, expires_at=NOON)
    call(api_key, price, 9 * CENT // 2, at=NOON - HOUR, rounding=9 * CENT // 10)
    expire_credit(now=NOON)
    assert remaining(ending) == 54 * CENT // 10
    issue(tenant)
    assert remaining(ending) == 4 * CENT // 10

    assert expire_credit(now=DECEMBER) == 1

    assert remaining(ending) == 0
    check_one_number(tenant, total=54 * CENT // 10)


def test_an_invoice_that_bills_beyond_the_end_says_nothing_of_it(
    tenant, api_key, price
):
    """It was issued before anybody looked, and bills 4 cents used before the end."""
    gift = give(tenant, 9 * CENT, kind=CreditKind.PROMOTIONAL)
    ending = give(tenant, 10 * CENT, expires_at=NOON)
    call(api_key, price, 4 * CENT, at=NOON - HOUR)
    call(api_key, price, 3 * CENT, at=NOON + HOUR)
    issue(tenant, until=NOON + DAY, now=NOON + DAY)

    assert remaining(gift) == 2 * CENT
    assert remaining(ending) == 0


def test_the_worked_example(tenant, api_key, price):
    """The table in billing/README.md."""
    gift = give(tenant, 3 * CENT, kind=CreditKind.PROMOTIONAL)
    bought = give(tenant, 10 * CENT, expires_at=NOON)
    call(api_key, price, 5 * CENT, at=NOON - HOUR, rounding=4 * CENT // 10)
    total = 54 * CENT // 10
    check_one_number(tenant, total=total)

    expire_credit(now=NOON)
    assert (remaining(gift), remaining(bought)) == (3 * CENT, 24 * CENT // 10)
    assert credit_of(tenant) - total == 0
    check_one_number(tenant, total=total)

    invoice = issue(tenant)
    assert invoice.total_cents == invoice.credit_applied_cents == 5
    assert (remaining(gift), remaining(bought)) == (4 * CENT // 10, 0)
    check_one_number(tenant, total=total)


def test_two_that_end_one_after_the_other(tenant, api_key, price):
    first = give(tenant, 5 * CENT, expires_at=NOON)
    second = give(tenant, 5 * CENT, expires_at=NOON + DAY)
    call(api_key, price, 2 * CENT, at=NOON - HOUR)
    call(api_key, price, CENT, at=NOON + HOUR)

    expire_credit(now=NOON + DAY)

    assert (remaining(first), remaining(second)) == (2 * CENT, CENT)
    check_one_number(tenant, total=3 * CENT)


def test_only_those_that_ended_lately_are_looked_at(tenant):
    give(tenant, CENT, expires_at=NOON - HOUR)

    assert expire_credit(now=NOON, ended_within=HOUR) == 0
    assert expire_credit(now=NOON, ended_within=2 * HOUR) == 1


@pytest.mark.parametrize("shipped", [None, NOON - HOUR, NOON])
def test_it_waits_for_the_events_before_the_end(tenant, monkeypatch, shipped):
    give(tenant, CENT, expires_at=NOON)
    monkeypatch.setattr(
        "billing.services.credit.expire_grants.shipped_up_to", lambda: shipped
    )

    assert expire_credit(now=NOON + DAY) == 0
    assert credit_of(tenant) == CENT


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_at_the_same_time_it_expires_once():
    tenant = make_tenant()
    give(tenant, 10 * CENT, expires_at=NOON)

    in_parallel(*[lambda: expire_credit(now=NOON)] * 4)

    assert credit_of(tenant) == 0
    assert CreditExpiry.objects.count() == 1


@contextmanager
def hold(tenant):
    """Somebody else works on the tenant."""
    held, done = Event(), Event()

    def work():
        try:
            with transaction.atomic():
                lock_tenant(tenant.pk)
                held.set()
                assert done.wait(20)
        finally:
            connections.close_all()

    thread = Thread(target=work)
    thread.start()
    assert held.wait(20)
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("valkey")
def test_a_tenant_that_is_busy_holds_up_no_other(monkeypatch, caplog):
    monkeypatch.setattr(locking, "_LOCK_TIMEOUT", "100ms")
    busy, other = make_tenant(), make_tenant(name="Other")
    for tenant in (busy, other):
        give(tenant, CENT, expires_at=NOON)

    with hold(busy):
        assert expire_credit(now=NOON) == 1

    assert (credit_of(busy), credit_of(other)) == (CENT, 0)
    assert f"tenant {busy.pk} does not expire" in caplog.text
