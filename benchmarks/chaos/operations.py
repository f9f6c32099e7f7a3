"""What clients did and saw; plain facts, judged after the run."""

import enum
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.chaos.dialects import Said


class Ending(enum.StrEnum):
    COMPLETE = "complete"
    """The whole answer, or the last event of the stream, was there."""
    LEFT = "left"
    """The client hung up."""
    BROKEN = "broken"
    """The connection broke, or the stream ended with an error or without its end."""
    REFUSED = "refused"
    """A whole answer with an error status."""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One request; times in microseconds since the epoch."""

    started_at_us: int
    ended_at_us: int = 0
    ending: Ending = Ending.BROKEN
    status: int = 0
    """0: no head of an answer came."""
    code: str = ""
    """Of a refusal."""
    request_id: str = ""
    is_replayed: bool = False
    said: Said | None = None
    text: str = ""
    """That a complete answer to a chat said."""
    kv_lease: Mapping[str, Any] = field(default_factory=dict)
    """As a complete answer told it; empty: it told of none."""
    digest: bytes = b""
    """Of the answer as it came."""

    @property
    def lease_id(self) -> str:
        """That was sold; empty: none."""
        return str(self.kv_lease.get("id") or "").removeprefix("kvl_")

    @property
    def previous(self) -> Mapping[str, Any]:
        """What was told of the lease that it continued; empty: it continued none."""
        return self.kv_lease.get("previous") or {}

    @property
    def leased_tokens(self) -> int:
        return int(self.previous.get("leased_tokens", 0))


@dataclass(slots=True, kw_only=True)
class Operation:
    """What a client wants once: one call, or one idempotency key with its retries."""

    tenant_id: int
    api_key_id: int
    path: str
    is_streamed: bool
    is_retried: bool
    """With an idempotency key."""
    started_at_us: int
    ended_at_us: int = 0
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def complete(self) -> list[Attempt]:
        return [one for one in self.attempts if one.ending is Ending.COMPLETE]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """A client with an API key of its own that calls one thing after the other, so
    that whatever its key was charged belongs to one of its operations by time.
    """

    number: int
    tenant_id: int
    api_key_id: int
    secret: str


def now_us() -> int:
    return time.time_ns() // 1000
