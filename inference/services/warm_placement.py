"""Have an engine compute and hold a cached prompt: at first, again, and ever anew."""

import time
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from inference.cached_prompt_models import (
    LIVING,
    CachedPrompt,
    CachedPromptPlacement,
    EventKind,
    PlacementState,
)
from inference.domain import warm_order
from inference.domain.lease_terms import LeaseClass, PreviousLease, Tier
from inference.domain.prompt_life import lease_ttl_ms
from inference.domain.warm_order import WarmOrder
from inference.errors import CachedPromptNotFoundError
from inference.services.ask_proxy import WarmAnswer, ask_proxy
from inference.services.count_prompt import as_call
from inference.services.follow_placements import follow_placements
from inference.services.note_prompt_event import note_prompt_event
from inference.services.publish_cached_prompts import publish_cached_prompts
from inference.services.release_placements import release_lease, void_placements

_LEASE_PREFIX = "kvl_"
_ENDED = "The cached prompt ended meanwhile."


def warm_placement(
    placement: CachedPromptPlacement,
    *,
    kind: EventKind,
    is_at_our_cost: bool,
    replaced: CachedPromptPlacement | None = None,
) -> None:
    """The caller has claimed `placement`. `replaced` is the place that it takes over
    from, which is void afterwards.

    Raises CachedPromptError, in the proxy's words if it refused; the row is as it was.
    CachedPromptNotFoundError: the prompt ended meanwhile or the claim ran out, and what
    was granted is given back.
    """
    prompt = placement.cached_prompt
    order = _order(placement, replaced, is_at_our_cost=is_at_our_cost)
    answer = ask_proxy(
        as_call(prompt.served_model.name, prompt.content, max_tokens=1, stream=False),
        order=warm_order.sign(order, key=warm_order.derive_key(settings.SNAPSHOT_KEY)),
    )
    if not _commit(placement, answer, kind=kind, replaced=replaced):
        lease_id = _lease_id(answer)
        release_lease(placement.engine, lease_id, tenant_id=prompt.tenant_id)
        raise CachedPromptNotFoundError(_ENDED)


def _order(
    placement: CachedPromptPlacement,
    replaced: CachedPromptPlacement | None,
    *,
    is_at_our_cost: bool,
) -> WarmOrder:
    prompt, now_ms = placement.cached_prompt, time.time_ns() // 1_000_000
    ttl_ms = lease_ttl_ms(
        now_ms=now_ms, expires_at_ms=int(prompt.expires_at.timestamp() * 1000)
    )
    if not ttl_ms:
        raise CachedPromptNotFoundError(_ENDED)
    return WarmOrder(
        cached_prompt_id=prompt.public_id.hex,
        key_digest=bytes(prompt.api_key.digest).hex(),
        engine_id=placement.engine_id,
        lease_class=LeaseClass(placement.lease_class),
        tier=_tier_to_ask(prompt, placement),
        ttl_ms=ttl_ms,
        previous=_previous(placement, replaced),
        is_at_our_cost=is_at_our_cost,
        issued_at_ms=now_ms,
    )


def _tier_to_ask(prompt: CachedPrompt, placement: CachedPromptPlacement) -> Tier:
    """While its tier is being changed the place is ahead of the prompt."""
    is_automatic = prompt.tier == Tier.AUTO and placement.tier == Tier.HBM
    return Tier.AUTO if is_automatic else Tier(placement.tier)


def _previous(
    placement: CachedPromptPlacement, replaced: CachedPromptPlacement | None
) -> PreviousLease | None:
    """The lease that the engine is to give up for the new one; it has to be its own."""
    held = placement if replaced is None else replaced
    is_there = held.lease_id and not held.is_lost
    if held.lease_id is None or not is_there or held.engine_id != placement.engine_id:
        return None
    return PreviousLease(
        lease_id=held.lease_id.hex,
        tokens=held.retained_tokens,
        last_hash=held.last_hash,
    )


@transaction.atomic
def _commit(
    placement: CachedPromptPlacement,
    answer: WarmAnswer,
    *,
    kind: EventKind,
    replaced: CachedPromptPlacement | None,
) -> bool:
    """The second phase of the sale. False: nobody wants it any more, or it is more than
    was held.
    """
    prompts = CachedPrompt.objects.select_for_update()
    prompt = prompts.get(pk=placement.cached_prompt_id)
    now = timezone.now()
    if prompt.status not in LIVING or not _take(placement, answer, now):
        return False
    if replaced is not None:
        void_placements(CachedPromptPlacement.objects.filter(pk=replaced.pk))
    if not prompt.token_count:
        prompt.token_count = answer.usage.prompt_tokens
        prompt.save(update_fields=["token_count"])
        note_prompt_event(prompt, EventKind.CREATED, now=now)
    note_prompt_event(prompt, kind, placement=placement, now=now)
    follow_placements(prompt, now=now)
    transaction.on_commit(publish_cached_prompts, robust=True)
    return True


def _take(placement: CachedPromptPlacement, answer: WarmAnswer, now: datetime) -> bool:
    lease, warm = answer.kv_lease, answer.kv_lease.warm
    blocks = lease.tokens // warm.block_tokens
    if blocks > placement.blocks or warm.engine_id != placement.engine_id:
        return False
    fields = {
        "state": PlacementState.COMMITTED,
        # What was held stays held: a renewal for which an engine had less room may be
        # followed by a whole one.
        "blocks": blocks if placement.lease_id is None else placement.blocks,
        "bytes": lease.bytes,
        "retained_tokens": lease.tokens,
        "lease_id": _lease_id(answer),
        "last_hash": warm.last_hash,
        "epoch": warm.epoch,
        "lease_expires_at": datetime.fromisoformat(lease.expires_at),
        "verified_at": now,
        "claimed_until": None,
        "is_lost": False,
        "refusal": "",
        "failures": 0,
        "retry_at": None,
    }
    still_ours = CachedPromptPlacement.objects.exclude(state=PlacementState.VOID)
    is_taken = still_ours.filter(
        pk=placement.pk, claimed_until=placement.claimed_until
    ).update(**fields)
    for name, value in fields.items():
        setattr(placement, name, value)
    return bool(is_taken)


def _lease_id(answer: WarmAnswer) -> UUID:
    return UUID(answer.kv_lease.id.removeprefix(_LEASE_PREFIX))
