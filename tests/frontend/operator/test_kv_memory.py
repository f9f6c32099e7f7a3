"""What the operator sees of the engines' KV memory."""

import pytest

from inference.capacity_models import EngineCapacity
from inference.domain.lease_receipt import Fact
from tests.factories import make_engine
from tests.frontend.believable import record
from tests.frontend.believable_leases import leased_call, told
from tests.frontend.believable_prompts import (
    make_capacities,
    make_placement,
    make_prompt,
)
from tests.inference.lease_books import receipt, tell


@pytest.fixture
def engine(version, now):
    engine = make_engine(served_model=version.served_model, name="first")
    make_capacities(engine, now)
    EngineCapacity.objects.filter(tier="host").delete()
    EngineCapacity.objects.update(sellable_blocks=400, held_blocks=100)
    return engine


def memory(people):
    return people.client("staff").get("/operator/engines/").context["memory"]


def test_it_works(people, version, engine, now):
    event = leased_call(people.api_key, version, engine, now)
    record([event], now)
    tell(engine, told(1, event, now, tokens=288, bytes=9_000))
    prompt = make_prompt(people.api_key, version.served_model, now)
    make_placement(prompt, engine, now, blocks=40)

    (found,) = memory(people)

    assert (found.sellable_tokens, found.held_tokens) == (6_400, 1_600)
    assert (found.held_percent, found.token_bytes) == (25, 46_080)
    assert (found.cached_prompts, found.sold_tokens, found.sold_percent) == (1, 640, 10)
    assert (found.leases, found.held_bytes) == (1, 9_000)
    (holder,) = found.holders
    assert (holder.name, holder.tenant_id) == ("Acme", people.tenant.pk)
    assert holder.tokens == 288


def test_what_ended_or_lies_elsewhere_counts_no_more(people, version, engine, now):
    event = leased_call(people.api_key, version, engine, now)
    tell(engine, told(1, event, now), told(2, event, now, Fact.RELEASED))
    prompt = make_prompt(people.api_key, version.served_model, now)
    make_placement(prompt, engine, now, blocks=40, state="void")
    make_placement(prompt, engine, now, blocks=40, tier="host")

    (found,) = memory(people)

    assert (found.cached_prompts, found.sold_tokens, found.leases) == (0, 0, 0)
    assert found.holders == []


def test_tenants_that_are_not_ours_have_no_page(people, engine):
    tell(
        engine,
        *[
            receipt(
                number,
                lease_id=f"{number:032x}",
                tenant_id=f"x-{number}",
                tokens=number,
            )
            for number in range(1, 6)
        ],
    )

    (found,) = memory(people)

    assert [holder.name for holder in found.holders] == [
        "tenant x-5",
        "tenant x-4",
        "tenant x-3",
    ]
    assert {holder.tenant_id for holder in found.holders} == {None}
    assert found.more_holders == 2


def test_an_engine_that_gives_none_says_why(people, engine):
    EngineCapacity.objects.update(unsupported="the model has a sliding window")

    page = people.client("staff").get("/operator/engines/").content.decode()

    assert "the model has a sliding window" in page
    assert engine.name in page
