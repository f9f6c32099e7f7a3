"""Cached prompts as a project has them, in every state."""

import json
from datetime import datetime, timedelta
from uuid import uuid4

from billing.models.prices import PriceVersion
from inference.cached_prompt_models import (
    CachedPrompt,
    CachedPromptEvent,
    CachedPromptPlacement,
)
from inference.capacity_models import EngineCapacity
from inference.domain.prompt_digest import prompt_digest
from inference.models import Engine, ServedModel
from metering.wire import UsageEvent
from tenants.models import ApiKey
from tests.factories import make_engine
from tests.frontend.believable import call

TOKEN_BYTES = 46_080
BLOCK_TOKENS = 16
RULES = "You clean rows of a contract database. Answer with the row alone."


def make_prompt(
    api_key: ApiKey, model: ServedModel, now: datetime, **fields
) -> CachedPrompt:
    """Ready, of 1,000 tokens, made ten minutes ago for an hour."""
    messages = [{"role": "system", "content": RULES}]
    return CachedPrompt.objects.create(
        tenant=api_key.tenant,
        project=api_key.project,
        api_key=api_key,
        served_model=model,
        content=json.dumps({"messages": messages, "tools": None}),
        content_sha256=prompt_digest(messages, None),
        message_count=1,
        created_at=now - timedelta(minutes=10),
        **{
            "name": "contract-rules",
            "tier": "auto",
            "lease_class": "guaranteed",
            "ttl_seconds": 3_600,
            "expires_at": now + timedelta(minutes=50),
            "token_count": 1_000,
            "status": "ready",
            **fields,
        },
    )


def make_placement(
    prompt: CachedPrompt, engine: Engine, now: datetime, **fields
) -> CachedPromptPlacement:
    """Committed: the engine holds it."""
    blocks = fields.pop("blocks", 0) or prompt.token_count // BLOCK_TOKENS
    return CachedPromptPlacement.objects.create(
        cached_prompt=prompt,
        tenant=prompt.tenant,
        engine=engine,
        lease_class=prompt.lease_class,
        blocks=blocks,
        bytes=blocks * BLOCK_TOKENS * TOKEN_BYTES,
        **{
            "retained_tokens": blocks * BLOCK_TOKENS,
            "state": "committed",
            "tier": "hbm",
            "lease_id": uuid4(),
            "last_hash": "5a" * 32,
            "epoch": "epoch-1",
            "lease_expires_at": now + timedelta(minutes=46),
            "verified_at": now - timedelta(minutes=3),
            "held_at": now - timedelta(minutes=10),
            **fields,
        },
    )


def make_capacities(engine: Engine, now: datetime) -> list[EngineCapacity]:
    """GPU memory for 11,200 tokens in leases, and host memory for 144,000."""
    return [
        EngineCapacity.objects.create(
            engine=engine,
            tier=tier,
            sellable_blocks=sellable,
            guaranteed_blocks=guaranteed,
            tenant_blocks=sellable // 2,
            held_blocks=held,
            block_tokens=BLOCK_TOKENS,
            block_bytes=BLOCK_TOKENS * TOKEN_BYTES,
            epoch="epoch-1",
            read_at=now,
        )
        for tier, sellable, guaranteed, held in (
            ("hbm", 700, 280, 318),
            ("host", 9_000, 9_000, 438),
        )
    ]


def prompts_in_every_state(
    api_key: ApiKey, model: ServedModel, engine: Engine, now: datetime
) -> list[CachedPrompt]:
    """The second one on a further engine, too, that has just lost it."""
    ready = make_prompt(api_key, model, now, auto_renew=True, token_count=1_184)
    make_placement(ready, engine, now)
    _happened(ready, engine, now, ["created", "warmed", "renewed"])
    degraded = make_prompt(
        api_key,
        model,
        now,
        name="support-handbook-2026",
        status="degraded",
        token_count=3_911,
        engine_count=2,
        expires_at=now + timedelta(days=6, hours=3),
    )
    make_placement(degraded, engine, now, tier="host")
    lost = make_engine(served_model=model, name="engine-3")
    make_placement(degraded, lost, now, is_lost=True)
    _happened(degraded, lost, now, ["created", "warmed", "degraded"])
    warming = make_prompt(
        api_key, model, now, name="style-guide", status="warming", token_count=0
    )
    make_placement(
        warming,
        engine,
        now,
        state="held",
        blocks=44,
        lease_id=None,
        lease_expires_at=None,
        retained_tokens=0,
        verified_at=None,
    )
    ended = make_prompt(
        api_key, model, now, name="old-rules", status="deleted", ended_at=now
    )
    return [ready, degraded, warming, ended]


def calls_with(
    prompt: CachedPrompt, api_key: ApiKey, version: PriceVersion, now: datetime
) -> list[UsageEvent]:
    """One in nine minutes of the last day, each with a row of some 50 tokens."""
    return [
        call(
            api_key,
            version,
            now - timedelta(minutes=9 * number),
            input_tokens=prompt.token_count + 40 + number % 20,
            cached_input_tokens=prompt.token_count // BLOCK_TOKENS * BLOCK_TOKENS,
            leased_input_tokens=prompt.token_count,
            cached_prompt_id=prompt.public_id.hex,
        )
        for number in range(155)
    ]


def _happened(
    prompt: CachedPrompt, engine: Engine, now: datetime, kinds: list[str]
) -> None:
    for minutes, kind in zip((10, 9, 1), kinds, strict=True):
        CachedPromptEvent.objects.create(
            cached_prompt=prompt,
            tenant=prompt.tenant,
            kind=kind,
            engine=None if kind == "created" else engine,
            lease_id="" if kind == "created" else uuid4().hex,
            tokens=0 if kind in {"created", "degraded"} else prompt.token_count,
            reason="the engine was started anew" if kind == "degraded" else "",
            happened_at=now - timedelta(minutes=minutes),
        )
