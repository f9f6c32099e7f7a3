"""What leases cost in what was spent: all of their time first, then what was held."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from billing.domain.spend_counters import Spender
from billing.services.spend.keep_money_seeded import keep_money_seeded
from billing.services.spend.sum_spend import sum_spend
from billing.services.spend.sum_tenant_spend import sum_tenant_spend
from inference.domain.lease_receipt import Fact
from inference.domain.lease_terms import GRACE_MS
from metering.services import shipped_up_to as shipping
from metering.services.measure_leases import measure_leases
from tenants.wire import Scope, SpendPeriod
from tests.billing.money import seed, spend, spent_event, store, total
from tests.billing.usage import make_price
from tests.factories import (
    make_api_key,
    make_engine,
    make_served_model,
    make_spend_limit,
)
from tests.inference.lease_books import new_id, receipt, tell

pytestmark = pytest.mark.django_db

TOKENS, IN_ADVANCE = 1_000, 60 * 2_000 * 14
HELD_SECONDS, HELD = 4, 4 * 2_000 * 14
"""2,000 MB at 14 nanos a MB_s."""
BYTES = 2 * 10**9


@pytest.fixture(autouse=True)
def journal_root(settings, tmp_path, monkeypatch):
    """All is shipped at once."""
    monkeypatch.setattr(shipping, "WRITE_MARGIN", timedelta(0))
    settings.JOURNAL_FOLDER = tmp_path / "journal"
    settings.JOURNAL_FOLDER.mkdir()


@pytest.fixture
def api_key():
    api_key, _ = make_api_key()
    make_spend_limit(subject=api_key.tenant)
    return api_key


@pytest.fixture
def engine():
    return make_engine(served_model=make_served_model())


@pytest.fixture
def buy(api_key, engine):
    """A call that bought a lease of a minute; returns its id and when it was granted,
    in milliseconds.
    """
    price = make_price(engine.served_model, hbm_mb_s_nanos_per_million=14_000_000)

    def bought(**changes):
        lease_id, at = new_id(), datetime.now(UTC) - timedelta(seconds=5)
        event = msgspec.structs.replace(
            spent_event(api_key, TOKENS + IN_ADVANCE, at=at),
            engine_id=engine.pk,
            price_version_id=price.pk,
            lease_id=lease_id,
            lease_expires_at_us=int((at.timestamp() + 60) * 1_000_000),
            lease_cost_nanos=IN_ADVANCE,
            **changes,
        )
        store(event)
        return lease_id, int(at.timestamp() * 1000)

    return bought


@pytest.fixture
def hold(api_key, engine):
    def held(lease_id, at_ms, fact=Fact.RELEASED):
        whose = {"lease_id": lease_id, "tenant_id": str(api_key.tenant_id)}
        told = {"bytes": BYTES, "until_ms": at_ms + 60_000 + GRACE_MS, **whose}
        end_ms = at_ms + HELD_SECONDS * 1000
        tell(
            engine,
            receipt(1, at_ms=at_ms, **told),
            receipt(2, fact, at_ms=end_ms, **told),
        )
        assert measure_leases(now=datetime.now(UTC)) == 1

    return held


def spent(api_key):
    now = datetime.now(UTC)
    found = sum_spend(api_key.tenant_id, until=now)
    amounts = found[Spender(Scope.TENANT, api_key.tenant_id)]
    for spender in (
        Spender(Scope.PROJECT, api_key.project_id),
        Spender(Scope.KEY, api_key.pk),
    ):
        assert found[spender] == amounts
    altogether = sum_tenant_spend(api_key.tenant_id, until=now)
    assert altogether.ever == amounts[None]
    assert altogether.in_month == amounts[SpendPeriod.MONTH]
    assert amounts[SpendPeriod.MONTH] >= amounts[SpendPeriod.DAY]
    return amounts[None]


def test_it_works(api_key, buy, hold):
    bought = buy()
    assert spent(api_key) == TOKENS + IN_ADVANCE
    hold(*bought)
    assert spent(api_key) == TOKENS + HELD


def test_a_lease_that_its_engine_lost_costs_nothing(api_key, buy, hold):
    hold(*buy(), fact=Fact.LOST)
    assert spent(api_key) == TOKENS


def test_one_lease_that_ended_says_nothing_of_another(api_key, buy, hold):
    hold(*buy())
    buy()
    assert spent(api_key) == 2 * TOKENS + HELD + IN_ADVANCE


def test_what_was_not_held_returns_to_the_counters(valkey, api_key, buy, hold):
    bought = buy()
    seed()
    assert total(valkey, api_key.tenant) == TOKENS + IN_ADVANCE
    assert keep_money_seeded() == []

    hold(*bought)
    store(spent_event(api_key, 5))
    spend(valkey, api_key, 5)
    assert keep_money_seeded() == []
    assert keep_money_seeded() == [api_key.tenant_id]
    assert total(valkey, api_key.tenant) == TOKENS + HELD + 5
    assert keep_money_seeded() == []
