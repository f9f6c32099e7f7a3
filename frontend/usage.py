"""Rollups folded into what the usage page shows: figures, a chart and its table."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from frontend.ranges import HOUR, Range
from metering.domain.usage import Meter

Grouping = Literal["kind", "model"]
SERIES_MAX = 6
OTHERS = "all others"
KINDS = {
    Meter.NEW_INPUT_TOKENS: "New input",
    Meter.CACHED_INPUT_TOKENS: "Cached input",
    Meter.LEASED_INPUT_TOKENS: "Leased input",
    Meter.OUTPUT_TOKENS: "Output",
}
_ALWAYS_SHOWN = (
    Meter.NEW_INPUT_TOKENS,
    Meter.CACHED_INPUT_TOKENS,
    Meter.OUTPUT_TOKENS,
)


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


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Tokens per bucket and series. The table shows the same numbers."""

    buckets: list[datetime]
    labels: list[str]
    titles: list[str]
    values: list[list[int]]
    """One list per series, one number per bucket."""
    requests: list[int]

    @property
    def table(self) -> list[dict[str, Any]]:
        """Rows that hold anything, the latest first."""
        rows = [
            {
                "at": self.buckets[at],
                "label": label,
                "values": (values := [series[at] for series in self.values]),
                "tokens": sum(values),
                "requests": self.requests[at],
            }
            for at, label in enumerate(self.labels)
        ]
        return [row for row in reversed(rows) if row["requests"] or row["tokens"]]

    @property
    def totals(self) -> list[int]:
        return [sum(series) for series in self.values]

    @property
    def plot(self) -> dict[str, Any]:
        """What chart.js draws; counts only, never money."""
        return {
            "at": [int(bucket.timestamp()) for bucket in self.buckets],
            "labels": self.labels,
            "series": [
                {"title": title, "values": values}
                for title, values in zip(self.titles, self.values, strict=True)
            ],
        }


def chart(rows: Iterable[dict[str, Any]], span: Range, grouping: Grouping) -> Chart:
    """`rows`: totals by `span.dimension` and, grouped by model, by `model` too."""
    place = {bucket: at for at, bucket in enumerate(span.buckets)}
    requests = [0] * len(place)
    series: dict[str, list[int]] = defaultdict(lambda: [0] * len(place))
    if grouping == "kind":
        for meter in _ALWAYS_SHOWN:
            series[KINDS[meter]] = [0] * len(place)
    for row in rows:
        at = place[row[span.dimension]]
        if row["meter"] == Meter.REQUESTS:
            requests[at] += row["quantity"]
        elif row["meter"] in KINDS:  # images are no tokens
            name = KINDS[row["meter"]] if grouping == "kind" else row["model"]
            series[name][at] += row["quantity"]
    shown = series if grouping == "kind" else _largest(series)
    return Chart(
        buckets=span.buckets,
        labels=[_label(bucket, span) for bucket in span.buckets],
        titles=list(shown),
        values=list(shown.values()),
        requests=requests,
    )


def _largest(series: dict[str, list[int]]) -> dict[str, list[int]]:
    """The largest first; what exceeds SERIES_MAX is summed into one."""
    order = sorted(series.items(), key=lambda item: (-sum(item[1]), item[0]))
    if len(order) <= SERIES_MAX:
        return dict(order)
    rest = [values for _, values in order[SERIES_MAX - 1 :]]
    return {
        **dict(order[: SERIES_MAX - 1]),
        OTHERS: [sum(bucket) for bucket in zip(*rest, strict=True)],
    }


def _label(bucket: datetime, span: Range) -> str:
    day = f"{bucket.day} {bucket:%b}"
    return f"{day}, {bucket:%H:%M}" if span.bucket == HOUR else day
