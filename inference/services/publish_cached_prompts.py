"""Tell the data plane which cached prompts there are, and what stands in them."""

from datetime import datetime, timedelta

from django.db.models import Prefetch
from django.utils import timezone
from redis import Redis

from inference.cached_prompt_models import CachedPrompt, CachedPromptPlacement
from inference.wire import (
    CACHED_PROMPTS,
    CachedPromptEntry,
    Placement,
    content_key,
)
from tenants.services.publish_snapshot import publish_snapshot
from tenants.services.valkey import open_valkey

KEPT_AFTER_END = timedelta(hours=1)
_CONTENTS_AT_ONCE = 50
"""Of at most a MiB each."""


def publish_cached_prompts() -> int:
    """The snapshot's version. Contents come first, so that whoever reads of a prompt
    finds it. Raises redis.RedisError and what `publish_snapshot` raises.
    """
    restore_contents(now=timezone.now())
    return publish_snapshot(
        CACHED_PROMPTS, lambda: read_cached_prompts(now=timezone.now())
    )


def read_cached_prompts(*, now: datetime) -> list[CachedPromptEntry]:
    """A lease that was lost is told too: its hash still proves a call's beginning."""
    committed = CachedPromptPlacement.objects.committed().order_by("is_lost", "id")
    prompts = (
        CachedPrompt.objects.usable()
        .filter(expires_at__gt=now)
        .select_related("served_model")
        .prefetch_related(Prefetch("placements", committed, to_attr="committed"))
        .defer("content")
        .order_by("id")
    )
    return [_entry(prompt) for prompt in prompts]


def restore_contents(*, now: datetime) -> int:
    """Writes those that Valkey does not have, to their end; returns how many."""
    missing = 0
    with open_valkey() as valkey:
        rows = list(_living(now))
        for start in range(0, len(rows), _CONTENTS_AT_ONCE):
            missing += _restore(valkey, rows[start : start + _CONTENTS_AT_ONCE], now)
    return missing


def forget_content(prompt: CachedPrompt) -> None:
    """Raises redis.RedisError; then it goes an hour after the end that was planned."""
    with open_valkey() as valkey:
        valkey.delete(_key(prompt))


def _living(now: datetime) -> list[CachedPrompt]:
    living = CachedPrompt.objects.usable().filter(expires_at__gt=now)
    return list(living.only("public_id", "tenant_id", "expires_at").order_by("id"))


def _restore(valkey: Redis, prompts: list[CachedPrompt], now: datetime) -> int:
    """An end that was put off moves the key's along."""
    with valkey.pipeline(transaction=False) as pipeline:
        for prompt in prompts:
            pipeline.pexpire(_key(prompt), _left_ms(prompt, now))
        known = pipeline.execute()
    missing = [
        one for one, is_there in zip(prompts, known, strict=True) if not is_there
    ]
    contents = dict(
        CachedPrompt.objects.filter(pk__in=[one.pk for one in missing]).values_list(
            "pk", "content"
        )
    )
    with valkey.pipeline(transaction=False) as pipeline:
        for prompt in missing:
            text = contents[prompt.pk]
            pipeline.set(_key(prompt), text, px=_left_ms(prompt, now))
        pipeline.execute()
    return len(missing)


def _key(prompt: CachedPrompt) -> str:
    return content_key(
        tenant_id=prompt.tenant_id, cached_prompt_id=prompt.public_id.hex
    )


def _left_ms(prompt: CachedPrompt, now: datetime) -> int:
    return (prompt.expires_at + KEPT_AFTER_END - now) // timedelta(milliseconds=1)


def _entry(prompt: CachedPrompt) -> CachedPromptEntry:
    placements: list[CachedPromptPlacement] = prompt.committed  # type: ignore[attr-defined]
    return CachedPromptEntry(
        cached_prompt_id=prompt.public_id.hex,
        tenant_id=prompt.tenant_id,
        project_id=prompt.project_id,
        name=prompt.name,
        model=prompt.served_model.name,
        token_count=prompt.token_count,
        messages=prompt.message_count,
        digest=prompt.content_sha256,
        expires_at_ms=int(prompt.expires_at.timestamp() * 1000),
        placements=tuple(_placement(one) for one in placements),
    )


def _placement(row: CachedPromptPlacement) -> Placement:
    return Placement(
        engine_id=row.engine_id,
        lease_id=row.lease_id.hex if row.lease_id else "",
        retained_tokens=row.retained_tokens,
        last_hash=row.last_hash,
    )
