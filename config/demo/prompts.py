"""Cached prompts of one project as its engine holds them, and their calls."""

import json
import random
from datetime import datetime, timedelta
from uuid import UUID

from billing.models.prices import PriceVersion
from config.demo.calls import call, with_cost
from config.demo.catalogue import BLOCK_TOKENS, TOKEN_BYTES, Shelf
from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptEvent,
    CachedPromptPlacement,
)
from inference.domain.prompt_digest import prompt_digest
from metering.wire import UsageEvent
from tenants.models import ApiKey

_TEXT = "Read the freight paper and answer with its fields as JSON."
_PROMPTS = (("freight-papers", 18_432, 30), ("tariff-handbook", 41_600, 9))
"""Name, tokens, and for how many days more."""
_BOUGHT_DAYS_AGO = 21
_CALLS = 160


def keep_prompts(
    shelf: Shelf,
    api_key: ApiKey,
    price: PriceVersion,
    *,
    now: datetime,
    chance: random.Random,
) -> list[UsageEvent]:
    """The calls of the last days that began with the first of them."""
    prompts = [_make(shelf, api_key, *one, now=now, chance=chance) for one in _PROMPTS]
    first = prompts[0]
    return [
        _call(first, now - timedelta(minutes=31 * n), shelf, price, chance)
        for n in range(_CALLS, 0, -1)
    ]


def _make(
    shelf: Shelf,
    api_key: ApiKey,
    name: str,
    tokens: int,
    days: int,
    *,
    now: datetime,
    chance: random.Random,
) -> CachedPrompt:
    bought_at = now - timedelta(days=_BOUGHT_DAYS_AGO)
    messages = [{"role": "system", "content": _TEXT}]
    prompt = CachedPrompt.objects.create(
        public_id=UUID(int=chance.getrandbits(128)),
        tenant=api_key.tenant,
        project=api_key.project,
        api_key=api_key,
        name=name,
        served_model=shelf.models[0],
        content=json.dumps({"messages": messages, "tools": None}),
        content_sha256=prompt_digest(messages, None),
        message_count=1,
        tier="auto",
        lease_class="guaranteed",
        ttl_seconds=days * 86_400,
        auto_renew=True,
        token_count=tokens,
        status="ready",
        created_at=bought_at,
        expires_at=now + timedelta(days=days),
    )
    lease_id = UUID(int=chance.getrandbits(128))
    CachedPromptPlacement.objects.create(
        cached_prompt=prompt,
        tenant=prompt.tenant,
        engine=shelf.engine,
        lease_class=prompt.lease_class,
        blocks=tokens // BLOCK_TOKENS,
        bytes=tokens * TOKEN_BYTES,
        retained_tokens=tokens,
        state="committed",
        tier="hbm",
        lease_id=lease_id,
        last_hash="5a" * 32,
        epoch="demo",
        lease_expires_at=now + timedelta(days=days),
        verified_at=now - timedelta(minutes=2),
        held_at=bought_at,
    )
    for kind, at in (("created", bought_at), ("warmed", bought_at)):
        CachedPromptEvent.objects.create(
            cached_prompt=prompt,
            tenant=prompt.tenant,
            kind=kind,
            engine=None if kind == "created" else shelf.engine,
            lease_id="" if kind == "created" else lease_id.hex,
            tokens=0 if kind == "created" else tokens,
            happened_at=at,
        )
    return prompt


def _call(
    prompt: CachedPrompt,
    at: datetime,
    shelf: Shelf,
    price: PriceVersion,
    chance: random.Random,
) -> UsageEvent:
    tokens = prompt.token_count
    event = call(
        api_key=prompt.api_key,
        price=price,
        engine_id=shelf.engine.pk,
        at=at,
        input_tokens=tokens + chance.randint(600, 3_000),
        cached_input_tokens=tokens,
        output_tokens=chance.randint(120, 600),
        chance=chance,
    )
    return with_cost(
        event,
        price,
        leased_input_tokens=tokens,
        cached_prompt_id=prompt.public_id.hex,
    )
