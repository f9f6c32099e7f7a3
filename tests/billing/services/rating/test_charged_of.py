"""What invoices give back is what the money limits were charged, to the nanos."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.periods import Period, month_of
from billing.domain.spend_counters import Spender
from billing.services.rating.charged_of import charged_of
from billing.services.spend.sum_spend import sum_spend
from metering.lease_models import LeaseInterval
from metering.services.prepare_usage_partitions import prepare_usage_partitions
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from metering.wire import Outcome
from tenants.wire import Scope
from tests.billing.money import spent_event
from tests.billing.usage import NOON, NOVEMBER, make_price
from tests.factories import make_api_key, make_project
from tests.inference.lease_books import new_id

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def api_key():
    return make_api_key()[0]


@pytest.fixture
def price():
    """A third of a nano per MB_s in HBM, so that each sum is rounded."""
    return make_price(hbm_mb_s_nanos_per_million=333_333, host_mb_s_nanos_per_million=7)


def spend(api_key, price, cost, *, at=NOON, **changes):
    event = spent_event(api_key, cost, at=at, price_version_id=price.pk, **changes)
    prepare_usage_partitions(at)
    store_usage_events([event])
    return event


def hold(api_key, price, mb_s, *, at=NOON, tier="hbm", **changes):
    event = spend(api_key, price, 0, at=at)
    return LeaseInterval.objects.create(
        tenant_id=api_key.tenant_id,
        project_id=api_key.project_id,
        api_key_id=api_key.pk,
        model=event.model,
        price_version_id=price.pk,
        event_id=event.event_id,
        lease_id=new_id(),
        engine_id=1,
        epoch="one",
        tier=tier,
        bytes=1,
        started_at=at - timedelta(seconds=1),
        ended_at=at,
        first_sequence=1,
        last_sequence=2,
        mb_s=mb_s,
        **changes,
    )


def charged(api_key, span=None):
    roll_up_usage()
    return charged_of(api_key.tenant_id, span or month_of(NOON))


def total(api_key, *, until):
    spender = Spender(Scope.TENANT, api_key.tenant_id)
    return sum_spend(api_key.tenant_id, until=until)[spender][None]


def test_it_works(api_key, price):
    """55 for a call, 200 for one whose lease cost 700 in advance; 40 + 2 MB_s of leases
    in one month come to 13.99999 and so to 14, and 1 of host to 1.
    """
    spend(api_key, price, 55)
    lease = {"lease_id": new_id(), "lease_expires_at_us": 1_795_262_500_000_000}
    spend(api_key, price, 900, lease_cost_nanos=700, **lease)
    hold(api_key, price, 40)
    hold(api_key, price, 2, at=NOVEMBER)
    hold(api_key, price, 1, tier="host")

    assert charged(api_key) == 55 + 200 + 14 + 1
    assert total(api_key, until=NOON) == 55 + 900 + 14 + 1


def test_what_nobody_is_billed_is_not_charged(api_key, price):
    spend(api_key, price, 55, outcome=Outcome.UNBILLED)
    hold(api_key, price, 40, credit_reason="lost")

    assert charged(api_key) == 0


def test_the_parts_of_a_month_are_half_open(api_key, price):
    spend(api_key, price, 3, at=NOVEMBER - timedelta(microseconds=1))
    spend(api_key, price, 5, at=NOVEMBER)
    spend(api_key, price, 7, at=NOON)

    assert charged(api_key, Period(start=NOVEMBER, end=NOON)) == 5
    assert charged(api_key, Period(start=NOVEMBER, end=NOON + HOUR)) == 12


def test_a_lease_that_was_never_measured_is_let_go(api_key, price):
    lease = {"lease_id": new_id(), "lease_expires_at_us": 1_795_262_500_000_000}
    spend(api_key, price, 900, lease_cost_nanos=700, **lease)

    assert total(api_key, until=NOON + timedelta(days=34)) == 900
    assert total(api_key, until=NOON + timedelta(days=36)) == 200


@pytest.mark.parametrize("seed", range(5))
def test_all_months_together_are_what_was_charged(api_key, price, seed):
    chance = random.Random(seed)  # noqa: S311  the same in every run
    other = make_api_key(project=make_project(tenant=api_key.tenant, name="B"))[0]
    for _ in range(40):
        key = chance.choice([api_key, other])
        at = NOVEMBER + chance.randrange(-40 * 24, 40 * 24) * HOUR
        spend(key, price, chance.randrange(1000), at=at)
        hold(
            key,
            price,
            chance.randrange(100),
            at=at,
            tier=chance.choice(["hbm", "host"]),
        )

    roll_up_usage()

    months = [datetime(2026, month, 1, tzinfo=UTC) for month in (9, 10, 11, 12)]
    parts = [charged_of(api_key.tenant_id, month_of(month)) for month in months]
    assert sum(parts) == total(api_key, until=datetime(2027, 1, 1, tzinfo=UTC))
