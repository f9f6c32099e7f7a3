"""Making a cached prompt: held, computed once, committed."""

import pytest
from django.utils import timezone

from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptPlacement,
    CachedPromptStatus,
    PlacementState,
)
from inference.domain.lease_terms import LeaseClass, Tier
from inference.errors import (
    CachedPromptError,
    CachedPromptExistsError,
    CachedPromptsNotSoldError,
    CachedPromptsUnavailableError,
    CapacityExhaustedError,
    LeasesNotOfferedError,
    ModelNotAllowedError,
    ModelNotFoundError,
    PromptTooLongError,
    ProxyRefusedError,
    TooManyCachedPromptsError,
)
from inference.services import create_cached_prompt as service
from inference.services.create_cached_prompt import create_cached_prompt
from inference.wire import CACHED_PROMPTS, content_key
from tenants.switches_models import Switches
from tests.factories import make_api_key, make_project
from tests.inference.cached_prompt_place import (
    BLOCK_TOKENS,
    asked,
    content,
    kinds,
)
from tests.inference.warm_proxy import held_by
from tests.parallel import in_parallel
from tests.published import published


def create(place, **changes):
    return create_cached_prompt(place.api_key, asked(**changes), now=timezone.now())


def test_it_works(place, valkey):
    engine = place.add_engine()
    prompt, is_new = create(place)
    assert is_new
    assert prompt.status == CachedPromptStatus.READY
    assert prompt.token_count > 4 * BLOCK_TOKENS
    (placement,) = prompt.placements.all()
    assert placement.state == PlacementState.COMMITTED
    assert (
        placement.retained_tokens == prompt.token_count // BLOCK_TOKENS * BLOCK_TOKENS
    )
    assert placement.blocks * BLOCK_TOKENS == placement.retained_tokens
    assert held_by(place.engines[engine.pk]) == [placement.lease_id.hex]
    assert kinds(prompt) == ["created", "warmed"]

    (order,) = place.proxy.orders
    assert not order.is_at_our_cost
    assert order.key_digest == bytes(place.api_key.digest).hex()
    assert order.lease_class is LeaseClass.GUARANTEED
    assert 590_000 < order.ttl_ms <= 600_000

    (entry,) = published(valkey, CACHED_PROMPTS).items
    assert entry[0] == prompt.public_id.hex
    assert entry[-1] == [
        [
            engine.pk,
            placement.lease_id.hex,
            placement.retained_tokens,
            placement.last_hash,
        ]
    ]
    key = content_key(tenant_id=prompt.tenant_id, cached_prompt_id=prompt.public_id.hex)
    assert valkey.get(key).decode() == prompt.content
    assert 600_000 < valkey.pttl(key) <= 600_000 + 3_600_000


def test_it_is_the_same_prompt_the_second_time(place):
    place.add_engine()
    prompt, _ = create(place)
    again, is_new = create(place, ttl_seconds=60)
    assert (again.pk, is_new) == (prompt.pk, False)
    assert len(place.proxy.orders) == 1


def test_of_two_at_once_one_is_made(place):
    place.add_engine()
    made = in_parallel(*[lambda: create(place)] * 4)
    assert sorted(is_new for _, is_new in made) == [False, False, False, True]
    assert len({prompt.pk for prompt, _ in made}) == 1
    assert len(place.proxy.orders) == 1


def test_it_takes_the_engine_with_the_most_room(place):
    place.add_engine()
    roomy = place.add_engine(SIMULATOR_BLOCKS="256")
    prompt, _ = create(place)
    assert prompt.placements.get().engine_id == roomy.pk


def test_further_engines_are_paid_for_once(place):
    engines = {place.add_engine().pk, place.add_engine().pk}
    prompt, _ = create(place, engine_count=2)
    assert prompt.status == CachedPromptStatus.READY
    assert {one.engine_id for one in prompt.placements.all()} == engines
    assert [order.is_at_our_cost for order in place.proxy.orders] == [False, True]


def test_an_engine_that_is_fuller_than_the_books_say_is_passed_over(place):
    """Conversations hold what the ledger does not know of."""
    full = place.add_engine(SIMULATOR_BLOCKS="128")
    other = place.add_engine()
    place.proxy.full.add(full.pk)
    prompt, _ = create(place)
    assert [order.engine_id for order in place.proxy.orders] == [full.pk, other.pk]
    assert not any(order.is_at_our_cost for order in place.proxy.orders)
    states = dict(prompt.placements.values_list("engine_id", "state"))
    assert states == {
        full.pk: PlacementState.VOID,
        other.pk: PlacementState.COMMITTED,
    }


def test_it_refuses_other_content_under_the_name(place):
    place.add_engine()
    create(place)
    with pytest.raises(CachedPromptExistsError, match="another name"):
        create(place, content=content("Something else. " * 10))


def test_it_refuses_what_finds_no_room(place):
    place.add_engine(SIMULATOR_BLOCKS="20")
    with pytest.raises(CapacityExhaustedError, match="no room"):
        create(place)
    assert place.proxy.orders == []
    assert not CachedPrompt.objects.exists()
    assert not CachedPromptPlacement.objects.exists()


def test_it_passes_on_what_the_proxy_refuses(place):
    place.add_engine()
    error = {"message": "No credit.", "type": "billing_error", "param": None}
    place.proxy.refusal = (402, {**error, "code": "insufficient_credit"})
    with pytest.raises(ProxyRefusedError) as refused:
        create(place)
    assert (refused.value.status, refused.value.error["message"]) == (402, "No credit.")
    assert not CachedPrompt.objects.exists()


def test_it_refuses_without_an_engine_that_answers(place):
    engine = place.add_engine()
    place.stop(engine)
    with pytest.raises(CachedPromptsUnavailableError):
        create(place)


def test_it_refuses_without_a_proxy_that_answers(place, settings):
    place.add_engine()
    settings.PROXY_URL = "http://127.0.0.1:1"
    with pytest.raises(CachedPromptsUnavailableError):
        create(place)
    assert not CachedPrompt.objects.exists()


def test_it_refuses_host_memory_where_there_is_none(place):
    place.add_engine()
    with pytest.raises(LeasesNotOfferedError, match="host memory"):
        create(place, tier=Tier.HOST)


def test_it_refuses_more_than_a_project_may_have(place, monkeypatch):
    monkeypatch.setattr(service, "LIVING_MAX", 1)
    place.add_engine(SIMULATOR_BLOCKS="128")
    create(place)
    with pytest.raises(TooManyCachedPromptsError):
        create(place, name="another")
    other, _ = make_api_key(project=make_project(tenant=place.api_key.tenant, name="B"))
    assert place.create(api_key=other).pk


@pytest.mark.parametrize(
    ("changes", "error", "param"),
    [
        ({"model": "unheard-of"}, ModelNotFoundError, "model"),
        ({"name": ""}, CachedPromptError, "name"),
        ({"name": "has blanks"}, CachedPromptError, "name"),
        ({"name": "cp_" + "0" * 32}, CachedPromptError, "name"),
        ({"ttl_seconds": 59}, CachedPromptError, "ttl"),
        ({"ttl_seconds": 30 * 86_400 + 1}, CachedPromptError, "ttl"),
        ({"engine_count": 0}, CachedPromptError, "replicas"),
        ({"engine_count": 2}, CachedPromptError, "replicas"),
        ({"content": content("x " * 2000)}, PromptTooLongError, "messages"),
        ({"content": content("x")}, CachedPromptError, "messages"),
    ],
)
def test_it_refuses(place, changes, error, param):
    place.add_engine()
    with pytest.raises(error) as refused:
        create(place, **changes)
    assert refused.value.param == param
    assert not CachedPrompt.objects.exists()


def test_it_refuses_a_model_that_the_key_may_not_use(place):
    place.add_engine()
    place.api_key.allowed_models = ["another"]
    with pytest.raises(ModelNotAllowedError):
        create(place)


def test_it_refuses_new_ones_while_none_are_sold(place):
    """The same content under the same name once more is no new one."""
    place.add_engine()
    known, _ = create(place)
    Switches.objects.create(sells_cached_prompts=False)
    assert create(place) == (known, False)
    with pytest.raises(CachedPromptsNotSoldError):
        create(place, name="another")
    assert CachedPrompt.objects.get() == known
