"""What clients did and saw; plain facts, judged after the run."""

import enum
import time
from dataclasses import dataclass, field

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
    digest: bytes = b""
    """Of the answer as it came."""


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
