"""Hours that are over get their receipts by themselves."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.services.receipts.seal_due_receipts import QUIET, seal_due_receipts
from metering.receipt_models import Receipt, UnsealedHour
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from tests.factories import make_tenant
from tests.metering.journal import HOUR_US, NOON_US, make_event

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def tenants(price):
    """Each with a call before noon and one after."""
    made = [make_tenant(), make_tenant()]
    for tenant in made:
        whose = {"tenant_id": tenant.pk, "price_version_id": price.pk}
        before = make_event(**whose, happened_at_us=NOON_US - HOUR_US)
        store_usage_events([before, make_event(**whose)])
    roll_up_usage()
    return made


def test_it_works(tenants):
    assert seal_due_receipts(now=NOON + QUIET) == 2
    assert set(Receipt.objects.values_list("tenant_id", flat=True)) == {
        tenant.pk for tenant in tenants
    }
    assert {mark.hour_at for mark in UnsealedHour.objects.all()} == {NOON}
    assert seal_due_receipts(now=NOON + QUIET) == 0
    assert seal_due_receipts(now=NOON + QUIET + HOUR) == 2


@pytest.mark.usefixtures("tenants")
def test_it_leaves_hours_that_still_run():
    assert seal_due_receipts(now=NOON + QUIET - timedelta(microseconds=1)) == 0
