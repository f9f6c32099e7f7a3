"""One currency of all that a tenant has: the database is asked."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connection, transaction

from billing.models.invoices import Invoice
from billing.models.ledger import LedgerAccount
from billing.models.payments import Payment, PaymentKind
from billing.models.plans import CouponRedemption, Subscription
from billing.models.price_books import PriceBook
from billing.services.credit.grant_credit import grant_credit
from tenants.models import Tenant
from tests.billing.plans import make_coupon, make_plan
from tests.billing.usage import DECEMBER, NOON, NOVEMBER
from tests.factories import make_tenant

pytestmark = pytest.mark.django_db
EUROS = {"currency": "EUR"}


def invoice(tenant: Tenant, **fields) -> Invoice:
    return Invoice.objects.create(
        tenant=tenant,
        period_start=NOVEMBER,
        period_end=DECEMBER,
        refreshed_at=NOON,
        **fields,
    )


def payment(tenant: Tenant, **fields) -> Payment:
    return Payment.objects.create(
        tenant=tenant,
        kind=PaymentKind.CARD,
        amount_cents=100,
        idempotency_key="1",
        created_at=NOON,
        **fields,
    )


def account(tenant: Tenant, **fields) -> LedgerAccount:
    return LedgerAccount.objects.create(tenant=tenant, kind="credit", **fields)


def book(tenant: Tenant, **fields) -> PriceBook:
    return PriceBook.objects.create(
        name="agreed", tenant=tenant, created_at=NOON, **fields
    )


def subscription(tenant: Tenant, **fields) -> Subscription:
    plan = make_plan(**fields)
    return Subscription.objects.create(
        tenant=tenant, plan=plan, starts_at=NOON, created_at=NOON, **fields
    )


def check() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


@contextmanager
def refused(match: str) -> Iterator[None]:
    """At the end of what is done within, which is undone."""
    with pytest.raises(IntegrityError, match=match), transaction.atomic():  # noqa: PT012  the point is what comes with the check
        yield
        check()


ROWS = pytest.mark.parametrize("make", [invoice, payment, account, book, subscription])


@ROWS
def test_it_works(make):
    assert make(make_tenant()).currency == "USD"
    check()


@ROWS
def test_it_refuses_what_is_in_another_currency(make):
    with refused("tenant_id_currency"):
        make(make_tenant(), **EUROS)


@ROWS
def test_it_refuses_to_change_the_currency_of_a_tenant_that_has_something(make):
    tenant = make_tenant(currency="EUR")
    make(tenant, **EUROS)
    check()

    with refused("tenant_id_currency"):
        Tenant.objects.filter(pk=tenant.pk).update(currency="USD")


def test_it_refuses_a_tenant_with_credit_another_currency():
    tenant = make_tenant()
    grant_credit(
        tenant=tenant, amount_nanos=1, reason="gift", idempotency_key="1", now=NOON
    )

    with refused("ledgeraccount"):
        Tenant.objects.filter(pk=tenant.pk).update(currency="EUR")


def test_it_refuses_a_plan_whose_prices_are_in_another_currency():
    euros = PriceBook.objects.list_book("EUR")

    with refused("price_book_id"):
        make_plan(price_book=euros)


def test_it_refuses_a_subscription_to_a_plan_in_another_currency():
    tenant, plan = make_tenant(), make_plan(**EUROS)

    with refused("plan_id_currency"):
        Subscription.objects.create(
            tenant=tenant, plan=plan, starts_at=NOON, created_at=NOON
        )


@pytest.mark.parametrize("code", ["JPY", "eur", ""])
def test_it_refuses_a_tenant_in_what_is_not_sold_in(code):
    with pytest.raises(IntegrityError, match="tenant_currency"), transaction.atomic():
        make_tenant(currency=code)


def redeem(tenant: Tenant, **terms) -> CouponRedemption:
    coupon = make_coupon(**EUROS, **terms)
    return CouponRedemption.objects.create(
        tenant=tenant, coupon=coupon, starts_at=NOVEMBER, redeemed_at=NOON
    )


def test_a_percentage_is_of_any_currency():
    assert redeem(make_tenant()).pk
    assert redeem(make_tenant(currency="EUR"), amount_cents=100).pk


def test_it_refuses_an_amount_off_in_another_currency():
    with (
        pytest.raises(IntegrityError, match="of another currency"),
        transaction.atomic(),
    ):
        redeem(make_tenant(), amount_cents=100)
