"""What a caller asks for who makes a cached prompt, and what may be asked."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from inference.domain.lease_terms import LeaseClass, Tier
from inference.domain.prompt_content import PromptContent
from inference.domain.prompt_life import TTL_SECONDS_MAX, TTL_SECONDS_MIN

NAME_CHARACTERS_MAX = 100
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{NAME_CHARACTERS_MAX - 1}}}")
_LIKE_AN_ID = re.compile(r"cp_[0-9a-f]{32}")


@dataclass(frozen=True, kw_only=True)
class AskedPrompt:
    name: str
    model: str
    """Public name, or `default`."""
    content: PromptContent
    ttl_seconds: int
    expires_at: datetime | None = None
    """None: when `ttl_seconds` have passed."""
    tier: Tier = Tier.AUTO
    lease_class: LeaseClass = LeaseClass.GUARANTEED
    auto_renew: bool = False
    engine_count: int = 1


def name_fault(name: str) -> str | None:
    """What is wrong with it; None: nothing is."""
    if not _NAME.fullmatch(name):
        return (
            f"expected 1 to {NAME_CHARACTERS_MAX} letters, digits, `.`, `_` or `-`, "
            "the first one a letter or digit"
        )
    if _LIKE_AN_ID.fullmatch(name):
        return "a name must not look like an id"
    return None


def ttl_fault(ttl_seconds: float) -> str | None:
    """What is wrong with it; None: nothing is."""
    if TTL_SECONDS_MIN <= ttl_seconds <= TTL_SECONDS_MAX:
        return None
    return f"expected {TTL_SECONDS_MIN}s to {TTL_SECONDS_MAX // 86_400}d"


def end_of(*, now: datetime, ttl_seconds: int) -> datetime:
    return now + timedelta(seconds=ttl_seconds)
