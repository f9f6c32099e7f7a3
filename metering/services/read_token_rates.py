"""How fast engines worked in the last minutes, from their stored counters."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from metering.audit_models import EngineReading

STEP_SECONDS = 10
"""Of the task `read engines`."""
STEPS = 90
GAP_MAX = timedelta(seconds=60)
"""Between two readings; over a longer one nothing is said."""
_STEP = timedelta(seconds=STEP_SECONDS)


@dataclass(kw_only=True)
class TokenRates:
    """Tokens a second, one number for each step of `RatesOfEngines.steps`."""

    computed_input: list[int] = field(default_factory=lambda: [0] * STEPS)
    cached_input: list[int] = field(default_factory=lambda: [0] * STEPS)
    output: list[int] = field(default_factory=lambda: [0] * STEPS)
    running: list[int] = field(default_factory=lambda: [0] * STEPS)
    waiting: list[int] = field(default_factory=lambda: [0] * STEPS)

    def add(self, other: "TokenRates") -> None:
        for name in ("computed_input", "cached_input", "output", "running", "waiting"):
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, [a + b for a, b in zip(mine, theirs, strict=True)])


@dataclass(frozen=True, kw_only=True)
class RatesOfEngines:
    steps: list[datetime]
    """When each step begins; the last one is over."""
    by_engine: dict[int, TokenRates]

    @property
    def together(self) -> TokenRates:
        rates = TokenRates()
        for one in self.by_engine.values():
            rates.add(one)
        return rates


@dataclass(frozen=True, kw_only=True)
class _At:
    at: datetime
    computed: int
    cached: int
    output: int
    running: int
    waiting: int


def read_token_rates(*, now: datetime) -> RatesOfEngines:
    """The last 15 minutes, in steps of ten seconds; one query."""
    end = datetime.fromtimestamp(now.timestamp() // STEP_SECONDS * STEP_SECONDS, UTC)
    steps = [end - _STEP * (STEPS - number) for number in range(STEPS)]
    lives: dict[tuple[int, int, str], list[_At]] = defaultdict(list)
    rows = EngineReading.objects.filter(
        asked_at__gte=steps[0] - GAP_MAX, asked_at__lte=now
    ).select_related("epoch")
    for row in rows.order_by("asked_at"):
        lives[row.epoch.engine_id, row.epoch_id, row.model].append(
            _At(
                at=row.answered_at,
                computed=row.computed_input_tokens,
                cached=row.cached_input_tokens + row.external_input_tokens,
                output=row.output_tokens,
                running=row.running_requests,
                waiting=row.waiting_requests,
            )
        )
    by_engine: dict[int, TokenRates] = defaultdict(TokenRates)
    for (engine_id, _, _), readings in lives.items():
        by_engine[engine_id].add(_rates(readings, steps))
    return RatesOfEngines(steps=steps, by_engine=dict(by_engine))


def _rates(readings: Iterable[_At], steps: list[datetime]) -> TokenRates:
    """A step has the rate of the two readings between which its middle lies."""
    rates = TokenRates()
    for before, after in pairwise(readings):
        took_ms = (after.at - before.at) // timedelta(milliseconds=1)
        if not took_ms or after.at - before.at > GAP_MAX:
            continue
        first = max(0, -((before.at - steps[0] - _STEP / 2) // -_STEP))
        end = min(STEPS, -((after.at - steps[0] - _STEP / 2) // -_STEP))
        for at in range(first, end):
            rates.computed_input[at] = (
                1000 * (after.computed - before.computed) // took_ms
            )
            rates.cached_input[at] = 1000 * (after.cached - before.cached) // took_ms
            rates.output[at] = 1000 * (after.output - before.output) // took_ms
            rates.running[at] = after.running
            rates.waiting[at] = after.waiting
    return rates
