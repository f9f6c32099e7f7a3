"""From an engine's receipts to the lines of an invoice, checked to the nano-dollar."""

from datetime import timedelta

import pytest

from billing.services.invoices.issue_invoice import issue_invoice
from billing.services.rating.rate_usage import rate_usage
from inference.domain.lease_receipt import Fact
from inference.domain.lease_terms import Tier
from metering.services.measure_leases import measure_leases
from metering.services.roll_up_usage import roll_up_usage
from metering.services.store_usage_events import store_usage_events
from tests.billing.usage import (
    DECEMBER,
    NOON,
    check_books,
    draft_of,
    lines_of,
    make_price,
)
from tests.factories import make_engine, make_served_model, make_tenant
from tests.inference.lease_books import NOW_MS, new_id, receipt, tell
from tests.metering.leases import leased_event

pytestmark = pytest.mark.django_db

GB = 10**9


@pytest.fixture
def tenant():
    return make_tenant()


@pytest.fixture
def engine():
    return make_engine(served_model=make_served_model())


def priced(engine, **rates):
    return make_price(engine.served_model, **rates)


def lease_of(tenant, price, engine, *, seconds, first=1):
    """A turn of 1,050 tokens that continued a lease of 1,000, of which the engine had
    lost 900; its own lease of 2 GB is demoted to 1 GB after 4 s and reused after 10.
    """
    lease_id = new_id()
    event = leased_event(
        lease_id,
        engine=engine,
        seconds=seconds,
        tenant_id=tenant.pk,
        price_version_id=price.pk,
        input_tokens=1_050,
        cached_input_tokens=100,
        leased_input_tokens=1_000,
        output_tokens=10,
    )
    end_ms = NOW_MS + 10_000
    whose = {"lease_id": lease_id, "tenant_id": str(tenant.pk)}
    below = {"tier": Tier.HOST, "bytes": GB, **whose}
    tell(
        engine,
        receipt(first, bytes=2 * GB, **whose),
        receipt(first + 1, Fact.DEMOTED, at_ms=NOW_MS + 4_000, **below),
        receipt(first + 2, Fact.REUSED, at_ms=end_ms, **below),
    )
    return event


def bill(now=NOON):
    measure_leases(now=now)
    roll_up_usage()
    return rate_usage(now=now)


def test_it_works(tenant, engine):
    price = priced(
        engine,
        hbm_mb_s_nanos_per_million=13_500_000,
        host_mb_s_nanos_per_million=200_000,
    )
    event = lease_of(tenant, price, engine, seconds=60)
    store_usage_events([event])
    bill()

    # In the order of an invoice; new input 50 at 100, output 10 at 400 nanos,
    # 2,000 MB for 4 s at 13.5, 1,000 MB for 6 s at 0.2 nanos.
    assert lines_of(draft_of(tenant)) == [
        ("new_input_tokens", 50, 5_000, 0),
        ("output_tokens", 10, 4_000, 0),
        ("hbm_mb_s", 8_000, 108_000, 0),
        ("host_mb_s", 6_000, 1_200, 0),
    ]
    check_books(tenant)


def test_nothing_changes_when_all_of_it_comes_again(tenant, engine):
    price = priced(
        engine,
        hbm_mb_s_nanos_per_million=13_500_000,
        host_mb_s_nanos_per_million=200_000,
    )
    event = lease_of(tenant, price, engine, seconds=60)
    store_usage_events([event])
    bill()
    before = lines_of(draft_of(tenant))

    store_usage_events([event])
    bill(NOON + timedelta(seconds=1))

    assert lines_of(draft_of(tenant)) == before


def test_days_on_disk_are_a_line_of_their_own(tenant, engine):
    price = priced(engine, disk_mb_s_nanos_per_million=2_850)
    lease_id, days_ms = new_id(), 2 * 86_400_000
    event = leased_event(
        lease_id,
        engine=engine,
        seconds=3 * 86_400,
        tenant_id=tenant.pk,
        price_version_id=price.pk,
        output_tokens=10,
    )
    lies = {"lease_id": lease_id, "tenant_id": str(tenant.pk), "tier": Tier.DISK}
    until_ms = NOW_MS + 3 * 86_400_000
    tell(
        engine,
        receipt(1, bytes=2 * GB, until_ms=until_ms, **lies),
        receipt(2, Fact.RELEASED, bytes=2 * GB, at_ms=NOW_MS + days_ms, **lies),
    )
    store_usage_events([event])
    bill(NOON + timedelta(days=3))

    lines = {meter: amounts for meter, *amounts in lines_of(draft_of(tenant))}
    mb_s = 2_000 * 2 * 86_400
    assert lines["disk_mb_s"] == [mb_s, mb_s * 2_850 // 1_000_000, 0]
    check_books(tenant)


def test_it_refuses_a_tier_without_a_price(tenant, engine):
    price = priced(engine, hbm_mb_s_nanos_per_million=13_500_000)
    store_usage_events([lease_of(tenant, price, engine, seconds=60)])

    assert bill().refused == 1


def test_what_is_told_after_the_invoice_is_on_the_next(tenant, engine):
    """As a late usage event is."""
    price = priced(
        engine,
        hbm_mb_s_nanos_per_million=13_500_000,
        host_mb_s_nanos_per_million=200_000,
    )
    event = lease_of(tenant, price, engine, seconds=60)
    store_usage_events([event])
    roll_up_usage()
    rate_usage(now=NOON)
    issued = issue_invoice(draft_of(tenant).pk, now=DECEMBER)
    assert [meter for meter, *_ in lines_of(issued)] == [
        *("new_input_tokens", "output_tokens"),
    ]

    bill(DECEMBER + timedelta(days=1))

    assert lines_of(draft_of(tenant)) == [
        ("hbm_mb_s", 8_000, 108_000, 0),
        ("host_mb_s", 6_000, 1_200, 0),
    ]
    check_books(tenant)
