"""From stored events to an issued invoice, at once."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.errors import UnpricedUsageError
from billing.models.invoices import Invoice
from billing.services.rating.close_period import close_period
from billing.services.rating.rate_usage import rate_usage
from metering.models import OpenHour
from metering.services.store_usage_events import store_usage_events
from tests.billing.usage import (
    DECEMBER,
    NOON,
    NOVEMBER,
    check_books,
    draft_of,
    lines_of,
    use,
)
from tests.factories import make_tenant
from tests.metering.journal import make_event

DAY = timedelta(days=1)
MIDNIGHT = NOON.replace(hour=0)


def store(tenant, price, at=NOON, **changes):
    at_us = int(at.timestamp()) * 1_000_000
    event = make_event(
        tenant_id=tenant.pk,
        price_version_id=price.pk,
        model=price.served_model.name,
        received_at_us=at_us - 1_000,
        happened_at_us=at_us,
        **changes,
    )
    store_usage_events([event])


def test_it_works(tenant, price):
    """100 tokens in, 40 of them cached, and 7 out:

    60 * 100 + 40 * 20 + 7 * 400 nanos = 9,600 nanos.
    """
    store(tenant, price)

    (invoice,) = close_period(tenant=tenant, until=DECEMBER, now=NOON)

    assert (invoice.total_nanos, invoice.total_cents) == (9_600, 0)
    # Nothing is owed for less than half a cent.
    assert (invoice.status, invoice.number) == ("paid", "TF-2026-000001")
    assert lines_of(invoice) == [
        ("new_input_tokens", 60, 6_000, 0),
        ("cached_input_tokens", 40, 800, 0),
        ("output_tokens", 7, 2_800, 0),
    ]
    assert not OpenHour.objects.exists()
    check_books(tenant)


def test_a_second_call_issues_nothing(tenant, price):
    store(tenant, price)
    close_period(tenant=tenant, until=DECEMBER, now=NOON)

    assert close_period(tenant=tenant, until=DECEMBER, now=NOON) == []
    assert Invoice.objects.count() == 1


def test_each_month_is_an_invoice_and_the_rest_stays_a_draft(tenant, price):
    store(tenant, price, datetime(2026, 10, 3, tzinfo=UTC))
    store(tenant, price, MIDNIGHT - timedelta(hours=1))
    store(tenant, price, MIDNIGHT)

    invoices = close_period(tenant=tenant, until=MIDNIGHT, now=NOON)

    spans = [(invoice.period_start, invoice.period_end) for invoice in invoices]
    october = datetime(2026, 10, 1, tzinfo=UTC)
    assert spans == [(october, NOVEMBER), (NOVEMBER, MIDNIGHT)]
    assert draft_of(tenant).total_nanos == 9_600
    check_books(tenant)


def test_late_usage_is_issued_by_the_next_call(tenant, price):
    store(tenant, price)
    close_period(tenant=tenant, until=DECEMBER, now=NOON)
    store(tenant, price, NOON - DAY)

    (second,) = close_period(tenant=tenant, until=DECEMBER, now=NOON)

    assert (second.number, second.total_nanos) == ("TF-2026-000002", 9_600)
    check_books(tenant)


def test_other_tenants_are_left_alone(tenant, price):
    other = make_tenant()
    use(other, price, 10)
    rate_usage(now=NOON)

    assert close_period(tenant=tenant, until=DECEMBER, now=NOON) == []
    assert draft_of(other)


def test_it_refuses_usage_without_a_price(tenant, price):
    store(tenant, price)
    use(tenant, price, 1, model="other", hour_at=NOON - DAY)

    with pytest.raises(UnpricedUsageError):
        close_period(tenant=tenant, until=DECEMBER, now=NOON)

    assert not Invoice.objects.exists()
