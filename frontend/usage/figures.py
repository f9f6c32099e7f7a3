"""Rollups folded into the figures of a span."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from frontend.lazy import lazy as _
from metering.domain.usage import Meter

KINDS = {
    Meter.NEW_INPUT_TOKENS: _("New input"),
    Meter.CACHED_INPUT_TOKENS: _("Cached input"),
    Meter.LEASED_INPUT_TOKENS: _("Leased input"),
    Meter.OUTPUT_TOKENS: _("Output"),
}


@dataclass(frozen=True, kw_only=True)
class Figures:
    requests: int
    new_input_tokens: int
    cached_input_tokens: int
    leased_input_tokens: int
    hbm_mb_s: int
    host_mb_s: int
    disk_mb_s: int
    output_tokens: int
    images: int

    @property
    def lease_mb_s(self) -> int:
        return self.hbm_mb_s + self.host_mb_s + self.disk_mb_s

    @property
    def input_tokens(self) -> int:
        return (
            self.new_input_tokens + self.cached_input_tokens + self.leased_input_tokens
        )

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def cached_percent(self) -> int:
        """Share of the input that was charged as cached, rounded down."""
        return 100 * self.cached_input_tokens // max(self.input_tokens, 1)


def figures(rows: Iterable[dict[str, Any]]) -> Figures:
    """`rows`: dicts with at least `meter` and `quantity`."""
    sums: dict[str, int] = defaultdict(int)
    for row in rows:
        sums[row["meter"]] += row["quantity"]
    return Figures(
        requests=sums[Meter.REQUESTS],
        new_input_tokens=sums[Meter.NEW_INPUT_TOKENS],
        cached_input_tokens=sums[Meter.CACHED_INPUT_TOKENS],
        leased_input_tokens=sums[Meter.LEASED_INPUT_TOKENS],
        hbm_mb_s=sums[Meter.HBM_MB_S],
        host_mb_s=sums[Meter.HOST_MB_S],
        disk_mb_s=sums[Meter.DISK_MB_S],
        output_tokens=sums[Meter.OUTPUT_TOKENS],
        images=sums[Meter.IMAGES],
    )
