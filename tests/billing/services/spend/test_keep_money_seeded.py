"""Valkey knows what was spent, and never less than what nobody else will add."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.spend_counters import (
    UNSURE_KEY,
    Spender,
    begin_of,
    money_key,
    spent_key,
    total_key,
)
from billing.services.credit.grant_credit import grant_credit
from billing.services.spend.doubt_money import doubt_money
from billing.services.spend.keep_money_seeded import keep_money_seeded
from metering.services import shipped_up_to as shipping
from metering.services.ship_journal import ship_journal
from metering.wire import Outcome
from tenants.models import SpendLimit
from tenants.wire import Scope, SpendPeriod
from tests.billing.money import (
    is_known,
    seed,
    spend,
    spenders_of,
    spent_event,
    store,
    this_month,
    today,
    total,
)
from tests.factories import make_api_key, make_budget, make_spend_limit, make_tenant
from tests.metering.journal import Journal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def journal_root(settings, tmp_path, monkeypatch):
    """All is shipped at once, unless a test writes a journal."""
    monkeypatch.setattr(shipping, "WRITE_MARGIN", timedelta(0))
    settings.JOURNAL_FOLDER = tmp_path / "journal"
    settings.JOURNAL_FOLDER.mkdir()
    return settings.JOURNAL_FOLDER


@pytest.fixture
def api_key(db):  # noqa: ARG001  opens the database
    """Of a tenant with a spend limit."""
    api_key, _ = make_api_key()
    make_spend_limit(subject=api_key.tenant)
    return api_key


def test_it_works(valkey, api_key):
    tenant, now = api_key.tenant, datetime.now(UTC)
    other, _ = make_api_key(project=api_key.project)
    before_month = begin_of(SpendPeriod.MONTH, now) - timedelta(seconds=1)
    store(
        spent_event(api_key, 3),
        spent_event(other, 4),
        spent_event(api_key, 100, at=before_month),
        spent_event(api_key, 1000, outcome=Outcome.UNBILLED),
    )

    assert keep_money_seeded() == []
    assert not is_known(valkey, tenant)
    assert keep_money_seeded() == [tenant.pk]

    assert is_known(valkey, tenant)
    assert total(valkey, tenant) == 107
    in_tenant, in_project, of_key = spenders_of(api_key)
    for spender, amount in (
        (in_tenant, 7),
        (in_project, 7),
        (of_key, 3),
        (Spender(Scope.KEY, other.pk), 4),
    ):
        assert this_month(valkey, tenant, spender) == amount
        assert today(valkey, tenant, spender) == amount
    for period, days in ((SpendPeriod.DAY, 3), (SpendPeriod.MONTH, 40)):
        key = spent_key(tenant.pk, of_key, period, now)
        assert days - 1 < valkey.ttl(key) / 86_400 <= days
    assert valkey.ttl(total_key(tenant.pk)) == -1


def test_once_seeded_there_is_nothing_to_do(valkey, api_key, django_assert_num_queries):
    seed()
    spend(valkey, api_key, 5)

    with django_assert_num_queries(4):
        assert keep_money_seeded() == []

    assert total(valkey, api_key.tenant) == 5


def test_only_tenants_whose_spend_is_counted_are_seeded(valkey):
    limited, _ = make_api_key()
    make_spend_limit(subject=limited)
    budgeted = make_tenant(name="Budgeted")
    make_budget(subject=budgeted)
    prepaid = make_tenant(name="Prepaid")
    prepaid.is_prepaid = True
    prepaid.save()
    plain = make_tenant(name="Plain")

    assert sorted(seed()) == sorted([limited.tenant_id, budgeted.pk, prepaid.pk])
    assert not is_known(valkey, plain)


def test_another_server_is_seeded_anew(valkey, api_key):
    """After a restart Valkey may lack its last second: nothing there is believed."""
    store(spent_event(api_key, 8))
    seed()
    valkey.hset(money_key(api_key.tenant_id), "server", "0" * 40)
    valkey.set(total_key(api_key.tenant_id), 3)

    assert seed() == [api_key.tenant_id]

    assert is_known(valkey, api_key.tenant)
    assert total(valkey, api_key.tenant) == 8


def test_an_emptied_server_is_seeded_anew(valkey, api_key):
    store(spent_event(api_key, 8))
    seed()
    valkey.flushdb()

    assert seed() == [api_key.tenant_id]
    assert total(valkey, api_key.tenant) == 8


def test_it_waits_for_the_journals(valkey, api_key, journal_root):
    """litellm#6895, litellm#27989, litellm#11334: a deadlock silently drops spend.

    The shipper stands still with an event in the journal: the tenant stays unknown, and
    prepaid calls are refused, until the event is counted.
    """
    journal = Journal(journal_root / "0")
    journal.append(spent_event(api_key, 9))
    for _ in range(3):
        keep_money_seeded()
    assert not is_known(valkey, api_key.tenant)

    ship_journal(journal_root)
    seed()

    assert is_known(valkey, api_key.tenant)
    assert total(valkey, api_key.tenant) == 9
    journal.close()


def test_without_any_journal_nothing_is_known(valkey, api_key, journal_root):
    journal_root.rmdir()

    assert seed() == []
    assert not is_known(valkey, api_key.tenant)


def test_what_is_spent_while_it_counts_is_not_lost(valkey, api_key):
    """The same threads: a call is settled between the sum and its writing."""
    tenant = api_key.tenant
    store(spent_event(api_key, 9))
    keep_money_seeded()
    store(spent_event(api_key, 1))
    spend(valkey, api_key, 1)

    assert keep_money_seeded() == []
    assert not is_known(valkey, tenant)
    assert keep_money_seeded() == [tenant.pk]
    assert total(valkey, tenant) == 10


def test_an_unsure_tenant_is_counted_again(valkey, api_key):
    """A hold was spent in full for a proxy that died; its call had cost less."""
    store(spent_event(api_key, 9))
    seed()
    spend(valkey, api_key, 50)
    valkey.sadd(UNSURE_KEY, api_key.tenant_id)

    assert seed() == [api_key.tenant_id]

    tenant = api_key.tenant
    assert total(valkey, tenant) == 9
    for spender in spenders_of(api_key):
        assert this_month(valkey, tenant, spender) == 9
    assert valkey.smembers(UNSURE_KEY) == set()
    assert keep_money_seeded() == []


def test_a_counter_of_a_key_that_spent_nothing_is_put_right(valkey, api_key):
    idle, _ = make_api_key(project=api_key.project)
    store(spent_event(api_key, 9))
    seed()
    spend(valkey, idle, 50)
    doubt_money()

    seed()

    assert this_month(valkey, api_key.tenant, Spender(Scope.KEY, idle.pk)) == 0
    assert total(valkey, api_key.tenant) == 9


def test_a_tenant_that_was_not_counted_for_a_while_is_counted_anew(valkey, api_key):
    tenant = api_key.tenant
    seed()
    SpendLimit.objects.all().delete()
    keep_money_seeded()
    store(spent_event(api_key, 6))

    make_spend_limit(subject=tenant)

    assert seed() == [tenant.pk]
    assert total(valkey, tenant) == 6


def test_credit_that_was_not_published_follows(valkey, api_key):
    tenant = api_key.tenant
    seed()

    grant_credit(  # in a transaction that does not commit: nothing is published
        tenant=tenant,
        amount_nanos=5,
        reason="test",
        idempotency_key="one",
        now=datetime.now(UTC),
    )
    assert valkey.hget(money_key(tenant.pk), "credit") is None
    keep_money_seeded()

    assert valkey.hget(money_key(tenant.pk), "credit") == b"5"


def test_many_tenants_ask_no_more(valkey, django_assert_num_queries):
    for number in range(3):
        make_spend_limit(subject=make_tenant(name=f"Tenant {number}"))
    seed()
    for number in range(20):
        make_spend_limit(subject=make_tenant(name=f"More {number}"))
    assert len(seed()) == 20

    with django_assert_num_queries(4):
        assert keep_money_seeded() == []
    assert valkey.dbsize() < 100
