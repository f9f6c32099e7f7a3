"""Beginnings that recurred, and what a lease costs against reading anew."""

from datetime import timedelta
from uuid import uuid4

import pytest

from billing.domain.advice import Verdict
from billing.domain.periods import Period
from billing.services.advice.advise_keeping import advise_keeping
from tests.billing.usage import NOON, make_price
from tests.factories import make_api_key, make_engine, make_project
from tests.frontend.believable import call, record
from tests.frontend.believable_prompts import make_capacities

MINUTE = timedelta(minutes=1)
SPAN = Period(start=NOON - timedelta(days=30), end=NOON + timedelta(days=1))


@pytest.fixture
def api_key(tenant):
    return make_api_key(project=make_project(tenant=tenant))[0]


@pytest.fixture
def kept_price(db):  # noqa: ARG001  pytest asks by argument
    """Leases are sold, and an engine has room for them."""
    found = make_price(
        hbm_mb_s_nanos_per_million=13_500_000, host_mb_s_nanos_per_million=200_000
    )
    make_capacities(make_engine(served_model=found.served_model), NOON)
    return found


def advise(tenant, price):
    return advise_keeping(tenant, {price.served_model.name}, span=SPAN, now=NOON)


def busy(api_key, price, *, calls=60, **changes):
    """A call a minute, each of which finds 1,024 tokens of its 1,200."""
    fields = {"cached_input_tokens": 1_030, **changes}
    record(
        [call(api_key, price, NOON - n * MINUTE, **fields) for n in range(calls)], NOON
    )


def test_it_works(tenant, api_key, kept_price):
    busy(api_key, kept_price)

    (found,) = advise(tenant, kept_price).suggestions

    assert (found.api_key_id, found.tier) == (api_key.pk, "host")
    assert found.beginning.tokens == 1_024
    assert found.keeping.verdict is Verdict.PAID
    assert found.keeping.least_without_nanos == 60 * 1_024 * 20


def test_calls_that_are_rare_are_not_worth_holding_for(tenant, api_key, kept_price):
    rare = [
        call(api_key, kept_price, NOON - n * 9 * 60 * MINUTE, cached_input_tokens=1_030)
        for n in range(30)
    ]
    record(rare, NOON)

    (found,) = advise(tenant, kept_price).suggestions

    assert found.keeping.verdict is Verdict.LOST


@pytest.mark.parametrize(
    "changes",
    [{"cached_prompt_id": uuid4().hex}, {"is_warming": True}, {"calls": 5}],
)
def test_it_suggests_nothing(tenant, api_key, kept_price, changes):
    busy(api_key, kept_price, **changes)

    assert advise(tenant, kept_price).suggestions == []


def test_where_nothing_is_sold_nothing_is_said(tenant, api_key, price):
    make_capacities(make_engine(served_model=price.served_model), NOON)
    busy(api_key, price)

    found = advise(tenant, price)

    assert (found.suggestions, found.rules) == ([], [])


def test_another_tenants_calls_say_nothing(tenant, kept_price):
    strangers_key, _ = make_api_key()
    busy(strangers_key, kept_price)

    assert advise(tenant, kept_price).calls_read == 0


def test_a_rule_says_how_soon_the_next_turn_must_come(tenant, kept_price):
    """1,000 tokens take 46.08 MB: in host memory a minute of them costs 552.8 nanos,
    reading them anew 100,000.
    """
    rules = {one.tier: one for one in advise(tenant, kept_price).rules}

    host = rules["host"]
    assert (host.anew.cost_nanos, host.anew.saved_nanos_per_turn) == (553, 100_000)
    assert host.anew.break_even_seconds == 10_850
    assert host.cached.break_even_seconds == 2_170


def test_it_counts_how_many_leases_were_continued(tenant, api_key, kept_price):
    busy(api_key, kept_price, calls=4, lease_id=uuid4().hex)
    busy(api_key, kept_price, calls=3, previous_lease_id=uuid4().hex)

    found = advise(tenant, kept_price)

    assert (found.leases_bought, found.leases_continued) == (4, 3)
