from typing import Any

import msgspec
import pytest

from tenants.errors import InvalidLimitError
from tenants.models import Budget, SpendLimit
from tenants.services.remove_budget import remove_budget
from tenants.services.remove_spend_limit import remove_spend_limit
from tenants.services.set_budget import set_budget
from tenants.services.set_spend_limit import set_spend_limit
from tenants.services.set_terms import set_terms
from tenants.wire import SNAPSHOT_KIND, KeyPolicy, Scope, SpendPeriod
from tenants.wire import SpendLimit as Published
from tests.factories import make_api_key
from tests.published import is_published, published


def policy(valkey) -> KeyPolicy:
    (found,) = msgspec.convert(published(valkey, SNAPSHOT_KIND).items, list[KeyPolicy])
    return found


@pytest.mark.django_db(transaction=True)
def test_it_works(valkey):
    api_key, _ = make_api_key()
    month: dict[str, Any] = {"subject": api_key.project, "period": SpendPeriod.MONTH}

    assert set_spend_limit(**month, amount_nanos=5)
    assert set_spend_limit(**month, amount_nanos=7)

    assert policy(valkey).spend_limits == (
        Published(scope=Scope.PROJECT, period=SpendPeriod.MONTH, amount_nanos=7),
    )
    assert policy(valkey).counts_spend
    assert remove_spend_limit(**month)
    assert not policy(valkey).counts_spend
    assert not SpendLimit.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_budget_makes_spend_count(valkey):
    api_key, _ = make_api_key()
    day: dict[str, Any] = {"subject": api_key, "period": SpendPeriod.DAY}

    assert set_budget(**day, amount_nanos=5, thresholds_percent=[100, 50, 50])

    assert Budget.objects.get().thresholds_percent == [50, 100]
    assert policy(valkey).counts_spend
    assert policy(valkey).spend_limits == ()
    assert remove_budget(**day)
    assert not policy(valkey).counts_spend


@pytest.mark.django_db(transaction=True)
def test_terms_reach_every_key(valkey):
    api_key, _ = make_api_key()
    terms: dict[str, Any] = {
        "tenant_id": api_key.tenant_id,
        "is_prepaid": True,
        "are_cached_tokens_limited": True,
        "refuses_without_limiter": True,
    }

    assert set_terms(**terms)

    found = policy(valkey)
    assert found.is_prepaid
    assert found.counts_spend
    assert found.are_cached_tokens_limited
    assert found.refuses_without_limiter
    assert not set_terms(**terms)


@pytest.mark.django_db(transaction=True)
def test_the_same_again_writes_and_publishes_nothing(valkey):
    api_key, _ = make_api_key()
    act: dict[str, Any] = {
        "subject": api_key,
        "period": SpendPeriod.DAY,
        "amount_nanos": 5,
    }
    set_spend_limit(**act)
    set_budget(**act)
    valkey.flushdb()

    assert not set_spend_limit(**act)
    assert not set_budget(**act)
    assert not remove_budget(subject=api_key.tenant, period=SpendPeriod.DAY)
    assert not remove_spend_limit(subject=api_key.tenant, period=SpendPeriod.DAY)

    assert not is_published(valkey, SNAPSHOT_KIND)


@pytest.mark.django_db
@pytest.mark.parametrize("amount", [0, -1, 2**53])
@pytest.mark.parametrize("service", [set_spend_limit, set_budget])
def test_it_refuses_an_amount_out_of_range(service, amount):
    api_key, _ = make_api_key()

    with pytest.raises(InvalidLimitError):
        service(subject=api_key, period=SpendPeriod.DAY, amount_nanos=amount)


@pytest.mark.django_db
@pytest.mark.parametrize("thresholds", [[], [0], [1001], [1, 2, 3, 4, 5, 6]])
def test_it_refuses_thresholds_that_say_nothing(thresholds):
    api_key, _ = make_api_key()

    with pytest.raises(InvalidLimitError):
        set_budget(
            subject=api_key,
            period=SpendPeriod.DAY,
            amount_nanos=1,
            thresholds_percent=thresholds,
        )
