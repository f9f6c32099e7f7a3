"""`manage.py close_period`."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from billing.models.invoices import Invoice
from tests.billing.usage import NOON, use
from tests.factories import make_tenant


def close(tenant, until="2026-12-01"):
    out = StringIO()
    call_command("close_period", tenant=tenant, until=until, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.fixture
def used(tenant, price):
    use(tenant, price, 15_000)
    return price


def test_it_works(tenant, used):
    (document,) = close(tenant.slug)

    assert document["issued_at"].endswith("Z")
    (line,) = document["lines"]
    wanted = {
        "number": Invoice.objects.get().number,
        "status": "issued",
        "currency": "USD",
        "period_start": "2026-11-01T00:00:00Z",
        "period_end": "2026-12-01T00:00:00Z",
        "total_cents": 1,
        "total_nanos": 6_000_000,
    }
    assert {name: document[name] for name in wanted} == wanted
    wanted = {
        "model": "smollm2-135m-instruct",
        "meter": "output_tokens",
        "quantity": 15_000,
        "rate_nanos_per_million": 400_000_000,
        "amount_nanos": 6_000_000,
        "amount_cents": 1,
        "price_version_id": used.pk,
    }
    assert {name: line[name] for name in wanted} == wanted


@pytest.mark.usefixtures("used")
def test_a_second_call_prints_the_latest_invoice(tenant):
    assert close("Acme") == close(tenant.slug)
    assert Invoice.objects.count() == 1


def test_a_day_inside_the_month_ends_the_invoice(tenant, price):
    use(tenant, price, 1, hour_at=NOON)

    (document,) = close("Acme", until="2026-11-22")

    assert document["period_end"] == "2026-11-22T00:00:00Z"


@pytest.mark.usefixtures("used")
def test_it_refuses_when_nothing_is_due_and_nothing_was_issued():
    with pytest.raises(CommandError, match="no invoice was ever issued for Acme"):
        close("Acme", until="2026-11-02")


@pytest.mark.usefixtures("tenant")
def test_it_refuses_an_unknown_tenant():
    with pytest.raises(CommandError, match="Nobody"):
        close("Nobody")


def test_it_refuses_a_name_that_two_tenants_bear(tenant):
    make_tenant(name=tenant.name)

    with pytest.raises(CommandError, match="Several tenants"):
        close(tenant.name)


@pytest.mark.usefixtures("tenant")
def test_it_refuses_what_is_no_date():
    with pytest.raises(CommandError, match="is not a date"):
        close("Acme", until="tomorrow")
