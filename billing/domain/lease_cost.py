"""What keeping KV costs, and when that is less than to compute it again. Exact."""

from dataclasses import dataclass

from billing.domain.money import UNITS_PER_RATE, amount_nanos
from metering.domain.leased import BYTE_MS_PER_MB_S

HOUR_MS = 3_600_000


@dataclass(frozen=True, kw_only=True)
class LeaseCost:
    """Of `tokens` that are kept in one tier for a time."""

    mb_s: int
    """10^6 byte-seconds, rounded down as they are billed."""
    cost_nanos: int
    saved_nanos_per_turn: int
    """Input that a turn does not pay."""
    break_even_turns: int | None
    """From so many turns within the time on, keeping is the cheaper; None: never."""
    break_even_seconds: int | None
    """So long one saved turn pays for keeping; None: keeping costs nothing."""


def storage_nanos(size: int, *, time_ms: int, rate_nanos_per_million: int) -> int:
    """Of `size` bytes through one interval."""
    return amount_nanos(_mb_s(size, time_ms), rate_nanos_per_million)


def lease_cost(
    *,
    tokens: int,
    size: int,
    time_ms: int,
    rate_nanos_per_million: int,
    input_nanos_per_million: int,
) -> LeaseCost:
    cost = storage_nanos(
        size, time_ms=time_ms, rate_nanos_per_million=rate_nanos_per_million
    )
    saved = amount_nanos(tokens, input_nanos_per_million)
    byte_rate = size * rate_nanos_per_million
    return LeaseCost(
        mb_s=_mb_s(size, time_ms),
        cost_nanos=cost,
        saved_nanos_per_turn=saved,
        break_even_turns=-(-cost // saved) if saved else None,
        break_even_seconds=saved
        * BYTE_MS_PER_MB_S
        * UNITS_PER_RATE
        // byte_rate
        // 1000
        if byte_rate
        else None,
    )


def _mb_s(size: int, time_ms: int) -> int:
    return size * time_ms // BYTE_MS_PER_MB_S
