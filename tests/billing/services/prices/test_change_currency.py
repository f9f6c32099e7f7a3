import pytest
from django.db import connection

from billing.errors import CurrencySettledError, UnknownPlanError
from billing.services.credit.grant_credit import grant_credit
from billing.services.plans.redeem_coupon import redeem_coupon
from billing.services.plans.start_subscription import start_subscription
from billing.services.prices.change_currency import change_currency
from billing.services.prices.open_price_book import open_price_book
from billing.services.rating.rate_usage import rate_usage
from tenants.errors import UnknownCurrencyError
from tenants.models import Tenant
from tenants.services.open_tenant import open_tenant
from tests.billing.plans import make_coupon, make_plan, plans_of
from tests.billing.usage import NOON, make_price, use
from tests.factories import make_api_key, make_budget, make_project, make_tenant
from tests.published import published

pytestmark = pytest.mark.django_db


def to_euros(tenant: Tenant) -> str:
    changed = change_currency(tenant_id=tenant.pk, currency="eur", now=NOON)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    return changed.currency


def test_it_works(valkey, django_capture_on_commit_callbacks):
    tenant = make_tenant()
    make_api_key(project=make_project(tenant=tenant))

    with django_capture_on_commit_callbacks(execute=True):
        assert to_euros(tenant) == "EUR"

    (policy,) = published(valkey, "key_policies").items
    assert policy["currency"] == "EUR"
    assert to_euros(tenant) == "EUR"


def test_it_comes_to_the_default_plan_of_the_other_currency(settings):
    for code, currency in (("payg", "USD"), ("payg-eur", "EUR")):
        make_plan(code=code, currency=currency)
    settings.DEFAULT_PLAN = "payg,payg-eur"
    tenant = open_tenant(name="Acme", owner=None, now=NOON)
    assert plans_of(tenant) == [("payg", "11-21 12:00:00", "")]

    to_euros(tenant)

    assert plans_of(tenant) == [("payg-eur", "11-21 12:00:00", "")]


def test_it_refuses_when_there_is_no_default_plan_in_it(settings):
    make_plan(code="payg")
    settings.DEFAULT_PLAN = "payg"
    tenant = open_tenant(name="Acme", owner=None, now=NOON)

    with pytest.raises(UnknownPlanError, match="EUR"):
        to_euros(tenant)
    assert plans_of(tenant) == [("payg", "11-21 12:00:00", "")]


def _credit(tenant: Tenant) -> None:
    grant_credit(
        tenant=tenant, amount_nanos=1, reason="gift", idempotency_key="1", now=NOON
    )


def _bill(tenant: Tenant) -> None:
    use(tenant, make_price(), 1_000_000)
    rate_usage(now=NOON)


def _coupon(tenant: Tenant) -> None:
    redeem_coupon(tenant_id=tenant.pk, code=make_coupon().code, now=NOON)


def _pay_for_a_plan(tenant: Tenant) -> None:
    start_subscription(tenant_id=tenant.pk, plan=make_plan(), now=NOON)
    rate_usage(now=NOON)


@pytest.mark.parametrize(
    ("act", "because"),
    [
        (lambda tenant: use(tenant, make_price(), 1), "calls"),
        (_bill, "bookings"),
        (_credit, "bookings"),
        (_pay_for_a_plan, "bookings"),
        (_coupon, "coupons"),
        (lambda tenant: open_price_book(name="A", tenant=tenant, now=NOON), "prices"),
        (lambda tenant: make_budget(subject=tenant), "budgets"),
    ],
)
def test_it_refuses_a_tenant_that_has(act, because):
    tenant = make_tenant()
    act(tenant)

    with pytest.raises(CurrencySettledError, match=because):
        to_euros(tenant)
    tenant.refresh_from_db()
    assert tenant.currency == "USD"


def test_it_refuses_a_currency_without_cents():
    with pytest.raises(UnknownCurrencyError):
        change_currency(tenant_id=make_tenant().pk, currency="JPY", now=NOON)
