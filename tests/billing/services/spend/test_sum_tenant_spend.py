"""What a tenant spent, by its days: what the sum of its events says."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.spend_counters import Spender
from billing.services.spend.sum_spend import sum_spend
from billing.services.spend.sum_tenant_spend import sum_tenant_spend
from metering.coarse_models import UsageDay
from metering.models import OpenHour
from metering.services.prepare_usage_partitions import prepare_usage_partitions
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from metering.wire import Outcome
from tenants.wire import Scope, SpendPeriod
from tests.billing.money import spent_event
from tests.factories import make_api_key

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAYS = (0, 1, 5, 21, 40)
COST = 1_000


@pytest.fixture
def api_key():
    return make_api_key()[0]


def store(api_key, *, days_ago, **changes):
    at = NOON - timedelta(days=days_ago)
    prepare_usage_partitions(at)
    store_usage_events([spent_event(api_key, COST, at=at, **changes)])


def check(api_key, until, *, ever=None):
    """Both ways agree, and on the right number."""
    tenant_id = api_key.tenant_id
    spent = sum_tenant_spend(tenant_id, until=until)
    by_events = sum_spend(tenant_id, until=until)[Spender(Scope.TENANT, tenant_id)]
    assert spent.ever == by_events[None]
    assert spent.in_month == by_events[SpendPeriod.MONTH]
    if ever is not None:
        assert spent.ever == ever


def check_at_all_times(api_key):
    for days in DAYS:
        at = NOON - timedelta(days=days)
        for until in (at - timedelta(microseconds=1), at, at + timedelta(hours=2)):
            check(api_key, until)


def test_it_works(api_key):
    for days in DAYS:
        store(api_key, days_ago=days)
    check(api_key, NOON, ever=len(DAYS) * COST)
    check_at_all_times(api_key)

    while roll_up_usage():
        pass
    assert not OpenHour.objects.exists()
    check(api_key, NOON, ever=len(DAYS) * COST)
    check_at_all_times(api_key)


def test_a_late_call_of_a_day_that_was_rolled_up_counts_at_once(api_key):
    for days in DAYS:
        store(api_key, days_ago=days)
    roll_up_usage()
    store(api_key, days_ago=21)
    check(api_key, NOON, ever=(len(DAYS) + 1) * COST)
    check_at_all_times(api_key)


def test_what_was_not_billed_costs_nothing(api_key):
    store(api_key, days_ago=5, outcome=Outcome.UNBILLED)
    store(api_key, days_ago=5)
    check(api_key, NOON, ever=COST)
    roll_up_usage()
    check(api_key, NOON, ever=COST)


def test_days_that_are_rolled_up_are_not_read_call_by_call(api_key):
    """Or the time it takes would grow with the calls."""
    store(api_key, days_ago=5)
    roll_up_usage()
    UsageDay.objects.update(charged_nanos=7)
    assert sum_tenant_spend(api_key.tenant_id, until=NOON).ever == 7


def test_of_another_tenant_it_counts_nothing(api_key):
    store(make_api_key()[0], days_ago=5)
    roll_up_usage()
    check(api_key, NOON, ever=0)
