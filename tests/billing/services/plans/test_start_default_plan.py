"""A new tenant is on a plan from its first second, if one is the default."""

import pytest

from billing.errors import UnknownPlanError
from billing.models.plans import PlanKind, Subscription
from billing.services.plans.make_default_plan import make_default_plan
from tenants.models import Tenant
from tenants.services.open_tenant import open_tenant
from tests.billing.plans import make_plan, plans_of
from tests.billing.usage import NOON

pytestmark = pytest.mark.django_db


def open_one():
    return open_tenant(name="Acme", owner=None, now=NOON)


def test_it_works(settings):
    make_plan(code="free", kind=PlanKind.FREE, price_cents=0, credit_cents=5_00)
    settings.DEFAULT_PLAN = "free"

    tenant = open_one()

    assert plans_of(tenant) == [("free", "11-21 12:00:00", "")]
    tenant.refresh_from_db()
    assert tenant.is_prepaid
    assert tenant.credit_grants.count() == 1


def test_without_a_default_a_tenant_is_on_no_plan():
    make_default_plan(now=NOON)

    open_one()

    assert not Subscription.objects.exists()


def test_the_plan_to_begin_with_is_made_once():
    plan = make_default_plan(now=NOON)

    assert make_default_plan(now=NOON) == plan
    assert (plan.code, plan.kind, plan.price_cents) == (
        "pay_as_you_go",
        PlanKind.PAY_AS_YOU_GO,
        0,
    )


def test_it_refuses_to_open_a_tenant_without_the_plan_that_it_is_to_be_on(settings):
    settings.DEFAULT_PLAN = "free"

    with pytest.raises(UnknownPlanError, match="free"):
        open_one()
    assert not Tenant.objects.exists()


def test_of_several_it_is_the_first_in_the_tenants_currency(settings):
    for code, currency in (("free", "USD"), ("payg-eur", "EUR"), ("plus-eur", "EUR")):
        make_plan(code=code, currency=currency)
    settings.DEFAULT_PLAN = "free,plus-eur,payg-eur"

    tenant = open_tenant(name="Acme", owner=None, now=NOON, currency="EUR")

    assert [code for code, *_ in plans_of(tenant)] == ["plus-eur"]
    with pytest.raises(UnknownPlanError, match="CHF"):
        open_tenant(name="Acme", owner=None, now=NOON, currency="CHF")
