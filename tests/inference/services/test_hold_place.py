"""The capacity ledger: what is sold is there, however many buy at once."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptPlacement,
    PlacementState,
)
from inference.capacity_models import EngineCapacity
from inference.domain.kv_room import NoRoom
from inference.domain.lease_terms import LeaseClass, Tier
from inference.services.hold_place import NoRoomError, hold_place, room_of
from tests.factories import make_api_key, make_engine

SELLABLE, GUARANTEED, PER_TENANT = 1_000, 400, 300
GRANTS, THREADS, TENANTS = 1_000, 24, 5


@pytest.fixture
def engine(transactional_db):
    del transactional_db
    engine = make_engine()
    EngineCapacity.objects.create(
        engine=engine,
        tier=Tier.HBM,
        sellable_blocks=SELLABLE,
        guaranteed_blocks=GUARANTEED,
        tenant_blocks=PER_TENANT,
        held_blocks=0,
        block_tokens=32,
        block_bytes=1_474_560,
        epoch="1",
        read_at=timezone.now(),
    )
    return engine


def prompt_of(api_key, engine, number, lease_class=LeaseClass.ELASTIC):
    now = timezone.now()
    return CachedPrompt(
        tenant_id=api_key.tenant_id,
        project_id=api_key.project_id,
        api_key=api_key,
        name=f"prompt-{number}",
        served_model=engine.served_model,
        content="{}",
        content_sha256="0" * 64,
        message_count=1,
        tier=Tier.HBM,
        lease_class=lease_class,
        ttl_seconds=600,
        expires_at=now + timedelta(minutes=10),
        created_at=now,
    )


def made(api_key, engine, number=0, **fields):
    prompt = prompt_of(api_key, engine, number, **fields)
    prompt.save()
    return prompt


def hold(prompt, engine, blocks, tier=Tier.HBM):
    return hold_place(prompt, engine, tier=tier, blocks=blocks, now=timezone.now())


def refused(prompt, engine, blocks, **fields):
    with pytest.raises(NoRoomError) as error:
        hold(prompt, engine, blocks, **fields)
    return error.value.obstacle


def test_it_works(engine):
    api_key, _ = make_api_key()
    placement = hold(made(api_key, engine), engine, 10)
    assert placement.state == PlacementState.HELD
    assert placement.bytes == 10 * 1_474_560
    room = room_of(EngineCapacity.objects.get(), tenant_id=api_key.tenant_id)
    assert (room.sold, room.tenant_sold, room.guaranteed_sold) == (10, 10, 0)
    assert room.free_for(LeaseClass.ELASTIC) == PER_TENANT - 10


def test_what_is_void_is_free_again(engine):
    api_key, _ = make_api_key()
    held = hold(made(api_key, engine), engine, PER_TENANT)
    other = made(api_key, engine, 1)
    assert refused(other, engine, 1) is NoRoom.TENANT
    CachedPromptPlacement.objects.filter(pk=held.pk).update(state=PlacementState.VOID)
    assert hold(other, engine, PER_TENANT).blocks == PER_TENANT


def test_it_refuses_what_is_more_than_one_tenant_may_have(engine):
    api_key, _ = make_api_key()
    assert refused(made(api_key, engine), engine, PER_TENANT + 1) is NoRoom.TENANT


def test_it_refuses_what_is_more_than_may_be_guaranteed(engine):
    EngineCapacity.objects.update(tenant_blocks=SELLABLE)
    api_key, _ = make_api_key()
    prompt = made(api_key, engine, lease_class=LeaseClass.GUARANTEED)
    assert refused(prompt, engine, GUARANTEED + 1) is NoRoom.GUARANTEED
    assert hold(prompt, engine, GUARANTEED).lease_class == LeaseClass.GUARANTEED


def test_it_refuses_what_nobody_knows_to_be_there(engine):
    api_key, _ = make_api_key()
    prompt = made(api_key, engine)
    assert refused(prompt, engine, 1, tier=Tier.HOST) is NoRoom.SELLABLE
    EngineCapacity.objects.update(unsupported="it has a sliding window")
    assert refused(prompt, engine, 1) is NoRoom.SELLABLE


def test_it_refuses_a_second_place_on_the_engine(engine):
    api_key, _ = make_api_key()
    prompt = made(api_key, engine)
    hold(prompt, engine, 1)
    with pytest.raises(IntegrityError):
        hold(prompt, engine, 1)


@pytest.mark.slow  # a thousand transactions that wait for one row
def test_a_thousand_at_once_are_never_sold_more_than_there_is(engine):
    """Every one that was refused did not fit: nothing is left unsold out of caution."""
    dice = random.Random(20)  # noqa: S311  sizes of a test
    api_keys = [make_api_key()[0] for _ in range(TENANTS)]
    classes = [LeaseClass.ELASTIC, LeaseClass.GUARANTEED]
    prompts = CachedPrompt.objects.bulk_create(
        prompt_of(dice.choice(api_keys), engine, n, lease_class=dice.choice(classes))
        for n in range(GRANTS)
    )
    sizes = [dice.randint(1, 9) for _ in prompts]

    def grant(prompt, blocks):
        try:
            hold(prompt, engine, blocks)
        except NoRoomError as error:
            return error.obstacle
        return None

    def connected(number):
        try:
            return [grant(prompts[n], sizes[n]) for n in range(number, GRANTS, THREADS)]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = [one for part in pool.map(connected, range(THREADS)) for one in part]

    rows = CachedPromptPlacement.objects.values_list(
        "tenant_id", "lease_class", "blocks"
    )
    sold = sum(blocks for *_, blocks in rows)
    guaranteed = sum(n for _, one, n in rows if one == LeaseClass.GUARANTEED)
    tenants: Counter[int] = Counter()
    for tenant_id, _, blocks in rows:
        tenants[tenant_id] += blocks
    assert len(outcomes) == GRANTS
    assert outcomes.count(None) == len(rows)
    assert SELLABLE - 9 <= sold <= SELLABLE
    assert GUARANTEED - 9 <= guaranteed <= GUARANTEED
    assert max(tenants.values()) <= PER_TENANT
    assert set(outcomes) >= {None, NoRoom.SELLABLE, NoRoom.GUARANTEED}
