"""The page that bills the last thirty days once more, on each plan."""

from datetime import timedelta

import pytest

from billing.services.plans.start_subscription import start_subscription
from tests.billing.plans import make_plan
from tests.factories import make_engine
from tests.frontend.believable import call, record
from tests.frontend.believable_prompts import make_capacities

PATH = "/plan/advice/"
MANY = {
    "input_tokens": 1_000_000,
    "cached_input_tokens": 0,
    "output_tokens": 10_000_000,
}
"""4.10 USD by the list."""


@pytest.fixture
def cheap(db):  # noqa: ARG001  opens the database
    return make_plan(
        code="pro",
        name="Pro",
        price_cents=3_00,
        allowances=[("", "output_tokens", 10_000_000)],
    )


def page_of(people, name="owner"):
    return people.client(name).get(PATH)


@pytest.mark.usefixtures("cheap")
def test_it_works(people, version, now):
    record([call(people.api_key, version, now, **MANY)], now)

    response = page_of(people)

    text = response.content.decode()
    assert "Pro would have cost" in text
    assert 'href="/plan/to/pro/"' in text
    assert "10,000,000 used, 10,000,000 included" in text
    assert "$0.10 a million = $0.10" in text
    page = response.context["page"]
    assert page.better.saved_nanos == 1_000_000_000


def test_one_who_may_not_pay_is_told_whom_to_ask(people, version, now, cheap):
    record([call(people.api_key, version, now, **MANY)], now)

    text = page_of(people, "colleague").content.decode()

    assert "Ask an owner, admin or billing member." in text
    assert f"/plan/to/{cheap.code}/" not in text


def test_whoever_has_the_best_plan_stays(people, version, now, cheap):
    start = now - timedelta(days=40)
    start_subscription(tenant_id=people.tenant.pk, plan=cheap, now=start)
    record([call(people.api_key, version, now, **MANY)], now)

    text = page_of(people).content.decode()

    assert "Nothing would have cost less than what you have" in text
    assert 'href="/plan/cancel/"' in text  # list prices without a plan


@pytest.mark.usefixtures("cheap")
def test_without_use_it_says_so(people, version, now):
    record([call(people.strangers_key, version, now, **MANY)], now)

    text = page_of(people).content.decode()

    assert "Nothing was used in the last 30 days" in text


def test_it_says_which_prompts_could_be_held(people, version, now):
    make_capacities(make_engine(served_model=version.served_model), now)
    calls = [
        call(
            people.api_key,
            version,
            now - timedelta(seconds=n),
            cached_input_tokens=1_100,
        )
        for n in range(60)
    ]
    record(calls, now)

    text = page_of(people).content.decode()

    assert "Prompts that begin alike" in text
    assert "Would have paid" in text
    assert 'href="/prompts/new/"' in text
    assert "if the next turn comes within" in text


def test_what_leases_saved_is_on_it(people, version, now):
    leased = {"input_tokens": 1_000_000, "leased_input_tokens": 900_000}
    record([call(people.api_key, version, now, **leased)], now)

    assert "They paid: you saved between" in page_of(people).content.decode()
