"""What a cached prompt would hold and cost, before it is bought."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import msgspec

from billing.domain.lease_cost import HOUR_MS
from billing.services.prices.quote_lease import TierQuote, quote_lease
from frontend.prompts.prompt_prices import calls_to_pay
from inference.domain.prompt_asked import AskedPrompt
from inference.services.place_cached_prompt import tier_of_room
from tenants.models import ApiKey


@dataclass(frozen=True, kw_only=True)
class QuotedTier:
    """On all engines together, if it lies there through all of its time."""

    tier: str
    is_asked: bool
    """It begins there."""
    bytes: int
    has_room: bool
    free_tokens: int
    """Of one engine, the one with the most room."""
    hour_nanos: int | None
    """None: it is not sold."""
    whole_nanos: int | None
    """For all of its time."""
    worth_nanos: int
    """That each call pays less."""

    @property
    def calls_to_pay(self) -> int | None:
        """Per hour."""
        return calls_to_pay(self.hour_nanos, self.worth_nanos)


@dataclass(frozen=True, kw_only=True)
class PromptQuote:
    asked: AskedPrompt
    tokens: int
    tiers: list[QuotedTier]

    @property
    def asked_tier(self) -> QuotedTier | None:
        """None: no engine has such memory."""
        return next((one for one in self.tiers if one.is_asked), None)

    @property
    def is_offered(self) -> bool:
        tier = self.asked_tier
        return tier is not None and tier.hour_nanos is not None

    @property
    def digest(self) -> str:
        return digest_of(self.asked)


def digest_of(asked: AskedPrompt) -> str:
    """Of all that the price depends on, and the name."""
    told = (asked.content.sha256, asked.name, asked.model, asked.ttl_seconds)
    rest = (asked.tier, asked.lease_class, asked.auto_renew, asked.engine_count)
    return hashlib.sha256(msgspec.json.encode((*told, *rest))).hexdigest()


def read_quote(api_key: ApiKey, asked: AskedPrompt, *, now: datetime) -> PromptQuote:
    """Asks an engine how many tokens it has. Raises CachedPromptError."""
    quote = quote_lease(
        api_key,
        model=asked.model,
        prompt=asked.content,
        time_ms=HOUR_MS,
        lease_class=asked.lease_class,
        now=now,
    )
    return PromptQuote(
        asked=asked,
        tokens=quote.tokens,
        tiers=[_quoted(one, asked) for one in quote.tiers],
    )


def _quoted(quote: TierQuote, asked: AskedPrompt) -> QuotedTier:
    hour = quote.cost.cost_nanos * asked.engine_count if quote.cost else None
    return QuotedTier(
        tier=quote.tier.value,
        is_asked=quote.tier is tier_of_room(asked.tier),
        bytes=quote.size * asked.engine_count,
        has_room=quote.is_available,
        free_tokens=quote.free_tokens,
        hour_nanos=hour,
        whole_nanos=None
        if hour is None
        else -(-hour * asked.ttl_seconds * 1000 // HOUR_MS),
        worth_nanos=quote.cost.saved_nanos_per_turn if quote.cost else 0,
    )
