"""Cached prompts outlive leases, engines and those who keep them."""

from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptPlacement,
    CachedPromptStatus,
    PlacementState,
)
from inference.domain.lease_terms import Tier
from inference.models import Engine, EngineState
from inference.services.drain_engine import drain_engine
from inference.services.end_cached_prompt import delete_cached_prompt
from inference.services.keep_cached_prompts import keep_cached_prompts
from inference.services.publish_cached_prompts import publish_cached_prompts
from inference.wire import CACHED_PROMPTS, content_key
from tests.inference.cached_prompt_place import asked, kinds
from tests.inference.warm_proxy import held_by
from tests.parallel import in_parallel
from tests.published import published

NO_CREDIT = (
    402,
    {"message": "No credit.", "type": "billing_error", "code": "insufficient_credit"},
)


def keep():
    return keep_cached_prompts(now=timezone.now())


def make_due(prompt):
    """Its lease ends in a minute, long before the prompt."""
    now = timezone.now()
    prompt.placements.update(lease_expires_at=now + timedelta(minutes=1))
    CachedPrompt.objects.filter(pk=prompt.pk).update(
        expires_at=now + timedelta(hours=2)
    )


def run_out(prompt):
    prompt.placements.update(lease_expires_at=timezone.now() - timedelta(seconds=6))


def status_of(prompt):
    prompt.refresh_from_db()
    return prompt.status


def test_it_works(place):
    """The lease is renewed before its end; the engine gives up the one before."""
    engine = place.add_engine()
    prompt = place.create()
    make_due(prompt)
    (first,) = prompt.placements.all()
    assert keep() == 1
    (renewed,) = prompt.placements.all()
    assert renewed.lease_id != first.lease_id
    assert held_by(place.engines[engine.pk]) == [renewed.lease_id.hex]
    assert (renewed.blocks, renewed.retained_tokens) == (
        first.blocks,
        first.retained_tokens,
    )
    _, order = place.proxy.orders
    assert order.is_at_our_cost
    assert order.previous.lease_id == first.lease_id.hex
    assert order.previous.last_hash == first.last_hash
    assert 3_590_000 < order.ttl_ms <= 3_600_000
    assert kinds(prompt)[-1] == "renewed"
    assert keep() == 0


def test_a_lease_that_lasts_to_the_end_is_the_last_one(place):
    place.add_engine()
    place.create(ttl_seconds=60)
    assert keep() == 0
    assert len(place.proxy.orders) == 1


def test_what_a_restart_lost_is_read_again_at_our_cost(place, valkey):
    engine = place.add_engine()
    prompt = place.create()
    place.collect(engine)
    lost = prompt.placements.get()
    place.restart(engine)
    place.collect(engine)
    keep()
    again = prompt.placements.get()
    assert status_of(prompt) == CachedPromptStatus.READY
    assert held_by(place.engines[engine.pk]) == [again.lease_id.hex]
    assert again.epoch != lost.epoch
    assert again.last_hash == lost.last_hash
    assert place.proxy.orders[-1].is_at_our_cost
    assert place.proxy.orders[-1].previous is None
    assert kinds(prompt) == ["created", "warmed", "degraded", "rewarmed"]
    (entry,) = published(valkey, CACHED_PROMPTS).items
    assert entry[-1][0][1] == again.lease_id.hex


def test_a_lease_that_was_lost_is_still_published(place, valkey):
    """Its hash proves that calls in time begin with the prompt."""
    engine = place.add_engine()
    prompt = place.create()
    lost = prompt.placements.get()
    place.collect(engine)
    place.restart(engine)
    place.collect(engine)
    place.proxy.full.add(engine.pk)
    keep()
    assert status_of(prompt) == CachedPromptStatus.DEGRADED
    (entry,) = published(valkey, CACHED_PROMPTS).items
    assert entry[-1][0][1] == lost.lease_id.hex


def test_two_at_once_warm_it_once(place):
    place.add_engine()
    prompt = place.create()
    make_due(prompt)
    in_parallel(keep, keep, keep)
    assert len(place.proxy.orders) == 2


def test_it_tries_again_later_and_later(place):
    place.add_engine()
    prompt = place.create()
    make_due(prompt)
    error = {"message": "Busy.", "type": "server_error", "code": "overloaded"}
    place.proxy.refusal = (503, error)
    for failures in (1, 2):
        keep()
        keep()  # not yet
        placement = prompt.placements.get()
        assert placement.failures == failures
        prompt.placements.update(retry_at=timezone.now())
    place.proxy.refusal = None
    keep()
    placement = prompt.placements.get()
    assert (placement.failures, placement.retry_at) == (0, None)
    assert kinds(prompt) == ["created", "warmed", "degraded", "renewed"]
    assert prompt.events.get(kind="degraded").reason == "overloaded"


def test_without_money_it_ends_with_its_last_lease(place):
    engine = place.add_engine()
    prompt = place.create()
    make_due(prompt)
    place.proxy.refusal = NO_CREDIT
    keep()
    assert status_of(prompt) == CachedPromptStatus.DEGRADED
    run_out(prompt)
    keep()
    assert status_of(prompt) == CachedPromptStatus.EXPIRED
    last = prompt.events.order_by("pk").last()
    assert (last.kind, last.reason) == ("expired", "insufficient_credit")
    assert held_by(place.engines[engine.pk]) == []


def test_money_that_came_in_time_saves_it(place):
    place.add_engine()
    prompt = place.create()
    make_due(prompt)
    place.proxy.refusal = NO_CREDIT
    keep()
    place.proxy.refusal = None
    prompt.placements.update(retry_at=None)
    keep()
    assert status_of(prompt) == CachedPromptStatus.READY


def test_it_expires(place, valkey):
    engine = place.add_engine()
    prompt = place.create()
    CachedPrompt.objects.update(
        created_at=timezone.now() - timedelta(hours=1), expires_at=timezone.now()
    )
    keep()
    assert status_of(prompt) == CachedPromptStatus.EXPIRED
    assert prompt.content == ""
    assert held_by(place.engines[engine.pk]) == []
    assert published(valkey, CACHED_PROMPTS).items == []
    assert not valkey.exists(
        content_key(tenant_id=prompt.tenant_id, cached_prompt_id=prompt.public_id.hex)
    )
    assert place.create(name=prompt.name).pk != prompt.pk


def test_it_renews_its_life(place):
    place.add_engine()
    prompt = place.create(auto_renew=True, ttl_seconds=60)
    end = prompt.expires_at
    keep()
    prompt.refresh_from_db()
    assert prompt.expires_at == end
    keep_cached_prompts(now=end - timedelta(seconds=10))
    prompt.refresh_from_db()
    assert prompt.expires_at == end + timedelta(seconds=60)
    assert len(place.proxy.orders) == 2


def test_a_place_on_a_drained_engine_moves(place):
    first = place.add_engine(SIMULATOR_BLOCKS="128")
    second = place.add_engine()
    prompt = place.create()
    drain_engine(engine_id=first.pk)
    keep()
    placement = prompt.placements.committed().get()
    assert placement.engine_id == second.pk
    assert held_by(place.engines[first.pk]) == []
    assert held_by(place.engines[second.pk]) == [placement.lease_id.hex]
    assert place.proxy.orders[-1].is_at_our_cost
    assert status_of(prompt) == CachedPromptStatus.READY


def test_a_place_on_an_engine_that_is_gone_moves(place):
    gone = place.add_engine(SIMULATOR_BLOCKS="128")
    prompt = place.create()
    second = place.add_engine()
    place.stop(gone)
    at = timezone.now()
    Engine.objects.filter(pk=gone.pk).update(
        state=EngineState.UNREACHABLE, ready_at=at - timedelta(seconds=10)
    )
    keep()
    assert prompt.placements.committed().get().engine_id == gone.pk
    Engine.objects.filter(pk=gone.pk).update(ready_at=at - timedelta(minutes=1))
    keep()
    assert prompt.placements.committed().get().engine_id == second.pk


def test_a_place_that_is_missing_is_placed(place):
    place.add_engine()
    second = place.add_engine()
    place.proxy.full.add(second.pk)
    prompt = place.create(engine_count=2)
    assert prompt.status == CachedPromptStatus.DEGRADED
    place.proxy.full.clear()
    keep()
    assert status_of(prompt) == CachedPromptStatus.READY
    assert prompt.placements.committed().count() == 2


def test_it_waits_for_an_engine_that_may_come_back(place):
    engine = place.add_engine()
    prompt = place.create()
    place.stop(engine)
    assert delete_cached_prompt(prompt, now=timezone.now())
    assert prompt.placements.get().is_to_be_released
    assert keep() == 0
    # Another life of the engine holds nothing of it.
    place.start(engine, place.engines[engine.pk].socket.parent)
    assert keep() == 1
    assert not prompt.placements.get().is_to_be_released


def test_what_was_deleted_meanwhile_is_given_back(place):
    engine = place.add_engine()
    prompt = place.create()
    make_due(prompt)

    def delete():
        try:
            delete_cached_prompt(prompt, now=timezone.now())
        finally:
            connections.close_all()  # of the server's thread

    place.proxy.before_answer = delete
    keep()
    assert status_of(prompt) == CachedPromptStatus.DELETED
    assert held_by(place.engines[engine.pk]) == []


def test_a_hold_that_nobody_follows_is_void(place):
    place.add_engine()
    prompt = place.create()
    CachedPromptPlacement.objects.update(state=PlacementState.HELD)
    keep()
    assert prompt.placements.get().state == PlacementState.HELD
    CachedPromptPlacement.objects.update(
        held_at=timezone.now() - timedelta(minutes=5, seconds=1)
    )
    keep()
    assert prompt.placements.get(state=PlacementState.VOID)


def test_a_prompt_that_nobody_goes_on_making_is_forgotten(place):
    place.add_engine()
    prompt = place.create()
    made_at = timezone.now() - timedelta(minutes=6)
    unmade = CachedPrompt.objects.create(
        **{
            field.name: getattr(prompt, field.name)
            for field in CachedPrompt._meta.concrete_fields
            if field.name not in {"id", "public_id", "name", "status", "token_count"}
        }
        | {"name": "unmade", "created_at": made_at}
    )
    keep()
    assert not CachedPrompt.objects.filter(pk=unmade.pk).exists()
    assert status_of(prompt) == CachedPromptStatus.READY


def test_content_that_valkey_lost_is_restored(place, valkey):
    place.add_engine()
    prompt = place.create()
    valkey.flushdb()
    publish_cached_prompts()
    key = content_key(tenant_id=prompt.tenant_id, cached_prompt_id=prompt.public_id.hex)
    assert valkey.get(key).decode() == asked().content.text


@pytest.mark.parametrize("tier", [Tier.HBM, Tier.AUTO])
def test_the_engine_is_asked_for_the_tier(place, tier):
    place.add_engine()
    prompt = place.create(tier=tier)
    assert place.proxy.orders[-1].tier is tier
    assert prompt.placements.get().tier == Tier.HBM
