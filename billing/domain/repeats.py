"""Calls that seem to begin alike, and what it would have cost to keep that beginning.

No prompt is kept, so what repeats is known by one thing only: that the engine found it
in its cache. A call that did began like an earlier one. A conversation's first turn
finds nothing of its own there, so where nearly all calls find something, it is likely
to be the same; whether it is, only who wrote the prompts can say. Of calls that found
nothing, nobody can.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from billing.domain.advice import Keeping
from billing.domain.lease_cost import storage_nanos
from billing.domain.money import amount_nanos

CALLS_MIN = 20
"""Fewer calls of a key prove no habit."""
_HITS_MIN_PERCENT = 80
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, kw_only=True)
class CallInput:
    at: datetime
    input_tokens: int
    cached_tokens: int
    """That the engine found, leased ones included."""
    leased_tokens: int
    """That a lease paid for, at the beginning."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """That most of some calls shared."""

    calls: int
    tokens: int
    """In whole blocks, which is how memory is held."""
    hits: int
    """Calls that found all of it in the cache."""
    started_at: datetime
    ended_at: datetime
    hit_tokens: int
    """Of those calls, what they paid for it by the cached rate."""
    missed_new_tokens: int
    """Of the others that were long enough: what would not have been read anew, had
    they begun with it."""
    missed_cached_tokens: int
    """And what they paid for by the cached rate."""


@dataclass(frozen=True, kw_only=True)
class Storage:
    """What a block takes in some memory, and what that costs."""

    tier: str
    block_tokens: int
    block_bytes: int
    rate_nanos_per_million: int
    """MB_s."""


def find_beginning(
    calls: Sequence[CallInput], *, block_tokens: int
) -> Beginning | None:
    """The longest that nearly all of the calls found in the cache; None: there is no
    such, or they are too few to tell. `calls` are of one key and model.
    """
    if len(calls) < CALLS_MIN:
        return None
    found = sorted((one.cached_tokens for one in calls), reverse=True)
    least = found[(len(calls) * _HITS_MIN_PERCENT - 1) // 100]
    tokens = least // block_tokens * block_tokens
    if not tokens:
        return None
    hits = [one for one in calls if one.cached_tokens >= tokens]
    missed = [one for one in calls if one.cached_tokens < tokens <= one.input_tokens]
    return Beginning(
        calls=len(calls),
        tokens=tokens,
        hits=len(hits),
        started_at=min(one.at for one in calls),
        ended_at=max(one.at for one in calls),
        hit_tokens=sum(max(0, tokens - one.leased_tokens) for one in hits),
        missed_new_tokens=sum(
            tokens - max(one.cached_tokens, min(one.leased_tokens, tokens))
            for one in missed
        ),
        missed_cached_tokens=sum(
            max(0, one.cached_tokens - one.leased_tokens) for one in missed
        ),
    )


def cost_of_holding(
    beginning: Beginning, storage: Storage, *, input_nanos_per_million: int
) -> int:
    """Read once as new input, then held from the first of the calls to the last."""
    held = beginning.ended_at - beginning.started_at
    return amount_nanos(beginning.tokens, input_nanos_per_million) + storage_nanos(
        beginning.tokens // storage.block_tokens * storage.block_bytes,
        time_ms=-(-held // _MILLISECOND),
        rate_nanos_per_million=storage.rate_nanos_per_million,
    )


def weigh(
    beginning: Beginning, *, cost_nanos: int, new_rate: int, cached_rate: int
) -> Keeping:
    """What was paid for the beginning: surely, by the calls that found it; at most, if
    the others began with it as well. Rates are nanos per million.
    """
    sure = amount_nanos(beginning.hit_tokens, cached_rate)
    perhaps = amount_nanos(beginning.missed_new_tokens, new_rate) + amount_nanos(
        beginning.missed_cached_tokens, cached_rate
    )
    return Keeping(
        with_nanos=cost_nanos,
        least_without_nanos=sure,
        most_without_nanos=sure + perhaps,
    )
