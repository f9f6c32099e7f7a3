"""Credit that no call used may be taken back."""

from datetime import timedelta
from typing import Any

import pytest

from billing.domain.credit import CreditKind
from billing.domain.spend_counters import money_key, total_key
from billing.errors import (
    IdempotencyKeyReusedError,
    InvalidAmountError,
    InvalidCreditError,
)
from billing.models.credit import CreditWithdrawal
from billing.services.credit.credit_of import credit_of
from billing.services.credit.withdraw_credit import unused_of, withdraw_credit
from tests.billing.credit import CENT, call, check_one_number, give, issue, remaining
from tests.billing.usage import NOON, balances
from tests.factories import make_api_key, make_project, make_tenant
from tests.parallel import in_parallel

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("valkey")]

HOUR = timedelta(hours=1)


@pytest.fixture
def api_key(tenant):
    return make_api_key(project=make_project(tenant=tenant))[0]


@pytest.fixture
def grant(tenant):
    return give(tenant, 10 * CENT)


def withdraw(grant, **changes):
    arguments: dict[str, Any] = {
        "amount_nanos": 4 * CENT,
        "reason": "asked for by the tenant",
        "idempotency_key": "ticket-3",
        "now": NOON,
    }
    return withdraw_credit(grant=grant, **arguments | changes)


def test_it_works(tenant, grant):
    made = withdraw(grant)

    assert (made.amount_nanos, made.reason) == (4 * CENT, "asked for by the tenant")
    assert credit_of(tenant) == remaining(grant) == 6 * CENT
    assert balances(tenant) == {"funds": 6 * CENT, "credit": -6 * CENT}


def test_a_gift_was_no_money(tenant):
    withdraw(give(tenant, 10 * CENT, kind=CreditKind.PROMOTIONAL))

    assert balances(tenant) == {"promotions": 6 * CENT, "credit": -6 * CENT}


def test_the_limiter_is_told(valkey, tenant, grant, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        withdraw(grant)

    assert int(valkey.hget(money_key(tenant.pk), "credit")) == 6 * CENT


def test_the_same_key_withdraws_once(tenant, grant):
    assert withdraw(grant) == withdraw(grant)

    assert credit_of(tenant) == 6 * CENT


@pytest.mark.django_db(transaction=True)
def test_the_same_key_at_the_same_time_withdraws_once():
    tenant = make_tenant()
    grant = give(tenant, 10 * CENT)

    made = in_parallel(*[lambda: withdraw(grant)] * 4)

    assert len({one.pk for one in made}) == 1
    assert credit_of(tenant) == 6 * CENT


def test_all_that_is_unused_may_go(tenant, grant, api_key, price):
    """3 cents are billed, 2 are not."""
    call(api_key, price, 3 * CENT, at=NOON - 24 * HOUR)
    issue(tenant, now=NOON, until=NOON.replace(hour=0))
    call(api_key, price, 2 * CENT, at=NOON - HOUR)

    assert unused_of(grant, now=NOON) == 5 * CENT
    withdraw(grant, amount_nanos=5 * CENT)

    assert remaining(grant) == 2 * CENT
    check_one_number(tenant, total=5 * CENT)


def test_what_is_spent_later_is_not_used_yet(tenant, grant, api_key, price):
    """A gift is spent first."""
    give(tenant, 4 * CENT, kind=CreditKind.PROMOTIONAL)
    call(api_key, price, 4 * CENT, at=NOON - HOUR)

    assert unused_of(grant, now=NOON) == 10 * CENT


def test_what_running_calls_may_cost_is_used(valkey, tenant, grant):
    """The limiter knows it before the books do."""
    server = valkey.info("server")["run_id"]
    known = {"server": server, "credit": 10 * CENT}
    valkey.hset(money_key(tenant.pk), mapping=known)
    valkey.set(total_key(tenant.pk), 7 * CENT)

    assert unused_of(grant, now=NOON) == 3 * CENT
    with pytest.raises(InvalidCreditError, match=r"Only 0\.03 USD"):
        withdraw(grant)


def test_it_refuses_what_calls_have_used(tenant, grant, api_key, price):
    call(api_key, price, 7 * CENT, at=NOON - HOUR)

    with pytest.raises(InvalidCreditError, match=r"Only 0\.03 USD"):
        withdraw(grant)

    assert credit_of(tenant) == 10 * CENT


def test_it_refuses_what_has_expired(tenant):
    ending = give(tenant, 10 * CENT, expires_at=NOON)

    with pytest.raises(InvalidCreditError):
        withdraw(ending)


def test_it_refuses_what_is_gone(grant):
    withdraw(grant, amount_nanos=10 * CENT)

    with pytest.raises(InvalidCreditError):
        withdraw(grant, idempotency_key="other")


@pytest.mark.parametrize("changes", [{"amount_nanos": 1}, {"reason": "other"}])
def test_it_refuses_a_key_that_names_another(grant, changes):
    withdraw(grant)

    with pytest.raises(IdempotencyKeyReusedError):
        withdraw(grant, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_nanos": 0},
        {"amount_nanos": -1},
        {"reason": ""},
        {"idempotency_key": "x" * 71},
    ],
)
def test_it_refuses(grant, changes):
    with pytest.raises(InvalidAmountError):
        withdraw(grant, **changes)

    assert not CreditWithdrawal.objects.exists()
