"""A balance is the sum of its entries, whatever is in the cache."""

import random
from functools import partial

import pytest
from django.db import transaction

from billing.domain.credit import CreditKind
from billing.domain.postings import (
    AccountKind,
    TransactionKind,
    credit_drawn,
    credit_granted,
    usage_rated,
)
from billing.models.ledger import LedgerBalance
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.ledger.post_transaction import post_transaction
from billing.services.ledger.read_balances import balances_of, read_balances
from billing.services.ledger.refresh_balances import refresh_balances
from tests.billing.usage import NOON, balances
from tests.factories import make_tenant
from tests.parallel import in_parallel

pytestmark = pytest.mark.django_db


def post(tenant, postings, reference):
    lock_tenant(tenant.pk)
    return post_transaction(
        postings,
        tenant_id=tenant.pk,
        kind=TransactionKind.USAGE_RATED,
        reference=f"{tenant.pk}:{reference}",
        booked_at=NOON,
    )


def test_it_works(tenant):
    post(tenant, credit_granted(50, CreditKind.PURCHASED), "a")
    assert refresh_balances(entries_min=1) == 2
    post(tenant, credit_drawn(20), "b")

    found = read_balances(tenant.pk)

    assert found[AccountKind.CREDIT] == -30
    assert found[AccountKind.RECEIVABLE] == -20
    assert found[AccountKind.FUNDS] == 50
    assert found[AccountKind.REVENUE] == 0
    assert set(found) == set(AccountKind)


def test_tenants_are_apart(tenant):
    other, third = make_tenant(name="Other"), make_tenant(name="Third")
    post(tenant, credit_drawn(20), "a")
    post(other, credit_drawn(5), "a")
    refresh_balances(entries_min=1)

    ids = [tenant.pk, other.pk, third.pk]
    assert balances_of(ids, AccountKind.CREDIT) == {tenant.pk: 20, other.pk: 5}
    assert set(read_balances(third.pk).values()) == {0}


def test_few_entries_are_left_to_be_added_up(tenant):
    post(tenant, credit_drawn(20), "a")

    assert refresh_balances(entries_min=2) == 0
    assert not LedgerBalance.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_posting_and_refreshing_at_the_same_time():
    tenant = make_tenant()

    def post_many(name):
        for step in range(10):
            with transaction.atomic():
                post(tenant, credit_drawn(1), f"{name}:{step}")

    def refresh_many(_):
        for _ in range(10):
            refresh_balances(entries_min=1)

    calls = [(post_many, "a"), (post_many, "b"), (refresh_many, 1), (refresh_many, 2)]
    in_parallel(*(partial(act, name) for act, name in calls))

    assert read_balances(tenant.pk)[AccountKind.CREDIT] == 20


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_the_cache_may_go_at_any_time(tenant, seed):
    chance = random.Random(seed)  # noqa: S311  the same in every run
    other = make_tenant(name="Other")
    acts = [
        credit_drawn,
        usage_rated,
        lambda n: credit_granted(n, CreditKind.PURCHASED),
    ]
    for step in range(60):
        whose = chance.choice([tenant, other])
        post(whose, chance.choice(acts)(chance.randint(-9, 9)), step)
        if chance.random() < 0.2:
            refresh_balances(entries_min=chance.randint(1, 5))
        if chance.random() < 0.2:
            rows = list(LedgerBalance.objects.all())
            for row in chance.sample(rows, chance.randint(0, len(rows))):
                row.delete()

        for one in (tenant, other):
            by_entries = balances(one)
            assert read_balances(one.pk) == {
                kind: by_entries.get(kind.value, 0) for kind in AccountKind
            }
