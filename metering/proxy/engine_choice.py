"""Which engine a call goes to when some of them hold the beginning of its prompt.

Waiting for an engine that holds it is right as long as it takes less time than another
needs to compute what the first one holds. Both times are estimates from what this
process saw: an engine shares itself among its calls, so each call takes a part of its
time, and the calls in flight come to the sum of their parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_WEIGHT = 0.1
"""Of the latest call in a running mean."""
_CALL_SECONDS_MAX = 60.0
_TOKEN_SECONDS_MIN, _TOKEN_SECONDS_MAX = 1e-6, 0.1
_TOKEN_SECONDS = 0.0005
"""Until something was measured; between a small model on a CPU and a large one on a
GPU."""
_NEW_TOKENS_MIN = 64
"""Fewer take no longer than what every call takes anyway."""


class Pace:
    """How fast one engine works, in running means; None: nothing was seen yet."""

    __slots__ = ("call_seconds", "token_seconds")

    def __init__(self) -> None:
        self.call_seconds: float | None = None
        """Of the engine's time, that one call takes."""
        self.token_seconds: float | None = None
        """That one new input token takes."""

    def note_call(self, seconds: float, *, calls: int) -> None:
        """A call has ended; `calls` were in flight there with it."""
        part = min(max(0.0, seconds) / max(1, calls), _CALL_SECONDS_MAX)
        self.call_seconds = _mean(self.call_seconds, part)

    def note_prefill(self, seconds: float, *, new_tokens: int, calls: int) -> None:
        """So long until the first token of a call with so many new input tokens."""
        if new_tokens < _NEW_TOKENS_MIN:
            return
        part = max(0.0, seconds) / max(1, calls) / new_tokens
        part = min(max(part, _TOKEN_SECONDS_MIN), _TOKEN_SECONDS_MAX)
        self.token_seconds = _mean(self.token_seconds, part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    calls: int
    """In flight there."""
    held_tokens: int
    """Of the call's prompt."""
    pace: Pace


def ranked(choices: Sequence[Choice]) -> list[int]:
    """Indexes of `choices`, the soonest done first; of equal ones the holder, then the
    less busy. What is not known of one engine is taken to be as with the others.
    """
    call_seconds = _known_mean([one.pace.call_seconds for one in choices], 0.0)
    token_seconds = _known_mean(
        [one.pace.token_seconds for one in choices], _TOKEN_SECONDS
    )
    most_tokens = max((one.held_tokens for one in choices), default=0)

    def sooner(index: int) -> tuple[float, int, int]:
        one = choices[index]
        missing = most_tokens - one.held_tokens
        waits = one.calls * _or(one.pace.call_seconds, call_seconds)
        computes = missing * _or(one.pace.token_seconds, token_seconds)
        return waits + computes, missing, one.calls

    return sorted(range(len(choices)), key=sooner)


def _mean(old: float | None, latest: float) -> float:
    return latest if old is None else old + _WEIGHT * (latest - old)


def _or(known: float | None, otherwise: float) -> float:
    return otherwise if known is None else known


def _known_mean(values: Sequence[float | None], otherwise: float) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else otherwise
