"""Another end, another tier, or whether it renews itself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptStatus,
    PlacementState,
)
from inference.domain.lease_terms import Tier
from inference.errors import (
    CachedPromptError,
    CachedPromptNotFoundError,
    CachedPromptsUnavailableError,
    CapacityExhaustedError,
    LeasesNotOfferedError,
    ProxyRefusedError,
)
from inference.services.change_cached_prompt import PromptChange, change_cached_prompt
from inference.services.claim_placement import claim_placement
from inference.services.end_cached_prompt import delete_cached_prompt
from inference.services.keep_cached_prompts import keep_cached_prompts
from inference.wire import CACHED_PROMPTS
from tests.inference.cached_prompt_place import kinds
from tests.inference.warm_proxy import held_by
from tests.published import published


def change(prompt, **changes):
    return change_cached_prompt(prompt, PromptChange(**changes), now=timezone.now())


def test_it_works(place, valkey):
    place.add_engine()
    prompt = place.create(ttl_seconds=60)
    now = timezone.now()
    changed = change_cached_prompt(prompt, PromptChange(ttl_seconds=7200), now=now)
    assert changed.expires_at == now + timedelta(hours=2)
    assert (changed.ttl_seconds, changed.auto_renew) == (7200, False)
    assert kinds(prompt)[-1] == "changed"
    (entry,) = published(valkey, CACHED_PROMPTS).items
    assert entry[8] == int(changed.expires_at.timestamp() * 1000)
    # The lease that was long enough no longer is.
    assert keep_cached_prompts(now=timezone.now()) == 1
    assert place.proxy.orders[-1].ttl_ms == 3_600_000


def test_it_renews_itself_or_not(place):
    place.add_engine()
    prompt = place.create()
    assert change(prompt, auto_renew=True).auto_renew
    assert not change(prompt, auto_renew=False).auto_renew


@pytest.mark.parametrize("tier", [Tier.HOST, Tier.DISK])
def test_it_moves_to_another_tier_and_back(place, tier):
    engine = place.add_engine(LEASE_HOST_MIB="256", LEASE_DISK_MIB="256")
    prompt = place.create(tier=Tier.HBM)
    former = prompt.placements.get()
    changed = change(prompt, tier=tier)
    assert (changed.tier, changed.status) == (tier, CachedPromptStatus.READY)
    placement = prompt.placements.committed().get()
    assert (placement.tier, placement.engine_id) == (tier, engine.pk)
    order = place.proxy.orders[-1]
    assert (order.tier, order.is_at_our_cost) == (tier, True)
    assert order.previous.lease_id == former.lease_id.hex
    assert held_by(place.engines[engine.pk]) == [placement.lease_id.hex]
    former.refresh_from_db()
    assert (former.state, former.is_to_be_released) == (PlacementState.VOID, False)
    assert change(prompt, tier=Tier.AUTO).placements.committed().get().tier == Tier.HBM


def test_from_hbm_to_automatic_nothing_moves(place):
    place.add_engine()
    prompt = place.create(tier=Tier.HBM)
    assert change(prompt, tier=Tier.AUTO).tier == Tier.AUTO
    assert len(place.proxy.orders) == 1


def as_it_was(prompt):
    prompt.refresh_from_db()
    placement = prompt.placements.committed().get()
    return (prompt.tier, placement.tier, placement.claimed_until) == (
        Tier.HBM,
        Tier.HBM,
        None,
    )


def test_it_refuses_a_tier_that_is_not_there(place):
    place.add_engine()
    prompt = place.create(tier=Tier.HBM)
    with pytest.raises(LeasesNotOfferedError, match="host memory"):
        change(prompt, tier=Tier.HOST, auto_renew=True)
    assert as_it_was(prompt)
    assert not prompt.auto_renew


def test_it_refuses_a_tier_that_is_full(place):
    place.add_engine(LEASE_HOST_MIB="8")  # five blocks
    prompt = place.create(tier=Tier.HBM)
    with pytest.raises(CapacityExhaustedError):
        change(prompt, tier=Tier.HOST)
    assert as_it_was(prompt)


def test_it_refuses_what_the_proxy_refuses(place):
    engine = place.add_engine(LEASE_HOST_MIB="256")
    prompt = place.create(tier=Tier.HBM)
    place.proxy.refusal = (402, {"message": "No.", "code": "insufficient_credit"})
    with pytest.raises(ProxyRefusedError):
        change(prompt, tier=Tier.HOST)
    assert as_it_was(prompt)
    placement = prompt.placements.committed().get()
    assert held_by(place.engines[engine.pk]) == [placement.lease_id.hex]


def test_it_refuses_to_move_what_is_being_warmed(place):
    place.add_engine(LEASE_HOST_MIB="256")
    prompt = place.create(tier=Tier.HBM)
    assert claim_placement(prompt.placements.get(), now=timezone.now())
    with pytest.raises(CachedPromptsUnavailableError):
        change(prompt, tier=Tier.HOST)


@pytest.mark.parametrize("ttl_seconds", [59, 30 * 86_400 + 1])
def test_it_refuses(place, ttl_seconds):
    place.add_engine()
    prompt = place.create()
    with pytest.raises(CachedPromptError) as refused:
        change(prompt, ttl_seconds=ttl_seconds)
    assert refused.value.param == "ttl"


def test_it_refuses_what_has_ended(place):
    place.add_engine()
    prompt = place.create()
    delete_cached_prompt(prompt, now=timezone.now())
    with pytest.raises(CachedPromptNotFoundError):
        change(CachedPrompt.objects.get(), ttl_seconds=60)
