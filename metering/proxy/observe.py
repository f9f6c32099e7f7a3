"""Counters and latencies of one proxy process, in Prometheus' text format."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from metering.proxy.limit_counts import LimitCounts
from metering.proxy.usage import Usage
from metering.wire import Outcome, UsageSource

_LATENCY_BUCKETS = (0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)


class Latency:
    __slots__ = ("_counts", "_sum_seconds")

    def __init__(self) -> None:
        self._counts = [0] * (len(_LATENCY_BUCKETS) + 1)
        self._sum_seconds = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(_LATENCY_BUCKETS, seconds)] += 1
        self._sum_seconds += seconds

    def metric(self, name: str, documentation: str) -> Metric:
        buckets, total = [], 0
        for bound, count in zip((*_LATENCY_BUCKETS, "+Inf"), self._counts, strict=True):
            total += count
            buckets.append((str(bound), total))
        return HistogramMetricFamily(
            name, documentation, buckets=buckets, sum_value=self._sum_seconds
        )


class Observer:
    """Counts in plain numbers, which only the event loop touches, and makes metrics of
    them when asked: the library's own counters take a lock each, ten for a call.
    """

    def __init__(self) -> None:
        known = self._known = CollectorRegistry()
        self.answers: Counter[tuple[str, int]] = Counter()
        """By endpoint and status."""
        self.refusals: Counter[str] = Counter()
        """By error code."""
        self.tokens: Counter[tuple[str, str]] = Counter()
        """By model and meter."""
        self.outcomes: Counter[tuple[Outcome, UsageSource]] = Counter()
        self.images: Counter[str] = Counter()
        """Made, by model."""
        self.prompts_counted: Counter[str] = Counter()
        """By where: `proxy`, `engine`, `memory` or `nowhere`."""
        self.limits = LimitCounts()
        self.journal_events = self.ends_withheld = self.retries = 0
        self.texts_lost = 0
        self.first_token = Latency()
        self.call = Latency()
        self.in_flight = Gauge(
            "tokenfab_proxy_calls_in_flight", "Calls in flight", registry=known
        )
        self.clients = Gauge(
            "tokenfab_proxy_client_connections", "Open connections", registry=known
        )
        self.buffered_body_bytes = Gauge(
            "tokenfab_proxy_buffered_body_bytes",
            "Request bodies in memory, over all connections and calls",
            registry=known,
        )
        self.answers_held = Gauge(
            "tokenfab_proxy_answers_held",
            "Answers of idempotency keys that are held in memory",
            registry=known,
        )
        self.engine_healthy = Gauge(
            "tokenfab_proxy_engine_healthy",
            "1 when the engine's last probe succeeded",
            ["engine"],
            registry=known,
        )
        known.register(self)

    def count_use(
        self,
        *,
        model: str,
        usage: Usage,
        outcome: Outcome,
        usage_source: UsageSource,
        first_token_us: int | None,
        call_us: int | None,
    ) -> None:
        tokens, cached = self.tokens, usage.cached_input_tokens
        self.outcomes[outcome, usage_source] += 1
        tokens[model, "new_input_tokens"] += usage.input_tokens - cached
        tokens[model, "output_tokens"] += usage.output_tokens
        if cached:
            tokens[model, "cached_input_tokens"] += cached
        if usage.images:
            self.images[model] += usage.images
        if first_token_us is not None:
            self.first_token.observe(first_token_us / 1e6)
        if call_us is not None:
            self.call.observe(call_us / 1e6)

    def collect(self) -> Iterator[Metric]:
        """What Prometheus' library asks for."""
        yield _counters(
            "answers",
            "Answers begun, by endpoint and status",
            ("endpoint", "status"),
            self.answers,
        )
        yield _counters(
            "refusals",
            "Calls refused or failed by the proxy, by error code",
            ("code",),
            {(code,): count for code, count in self.refusals.items()},
        )
        yield _counters(
            "tokens",
            "Tokens metered, by model and meter",
            ("model", "meter"),
            self.tokens,
        )
        yield _counters(
            "images",
            "Images metered, by model",
            ("model",),
            {(model,): count for model, count in self.images.items()},
        )
        yield _counters(
            "prompts_counted",
            "Prompts to be counted exactly, by where it was done",
            ("by",),
            {(where,): count for where, count in self.prompts_counted.items()},
        )
        yield from _limit_metrics(self.limits)
        yield CounterMetricFamily(
            "tokenfab_proxy_retries",
            "Further tries of calls whose engine was lost or refused",
            value=self.retries,
        )
        yield _counters(
            "outcomes",
            "Usage events recorded, by outcome and usage source",
            ("outcome", "usage_source"),
            self.outcomes,
        )
        yield CounterMetricFamily(
            "tokenfab_proxy_journal_events",
            "Usage events made durable",
            value=self.journal_events,
        )
        yield CounterMetricFamily(
            "tokenfab_proxy_ends_withheld",
            "Answers closed without their end: the journal was too slow to confirm",
            value=self.ends_withheld,
        )
        yield CounterMetricFamily(
            "tokenfab_proxy_texts_lost",
            "Texts of calls that were to be kept: Valkey was silent or had no room",
            value=self.texts_lost,
        )
        yield self.first_token.metric(
            "tokenfab_proxy_first_token_seconds",
            "Receipt of the request to the first streamed token",
        )
        yield self.call.metric(
            "tokenfab_proxy_call_seconds",
            "Receipt of the request to the end of the engine's answer",
        )

    def text(self) -> bytes:
        return generate_latest(self._known)


def _counters(
    name: str,
    documentation: str,
    labels: tuple[str, ...],
    counts: Mapping[Any, int],
) -> Metric:
    family = CounterMetricFamily(f"tokenfab_proxy_{name}", documentation, labels=labels)
    for values, count in counts.items():
        family.add_metric([str(value) for value in values], count)
    return family


def _limit_metrics(counts: LimitCounts) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "tokenfab_proxy_limiter_up",
        "1 while Valkey answers about limits, 0 while each proxy goes on by itself",
        value=counts.is_up,
    )
    yield CounterMetricFamily(
        "tokenfab_proxy_limiter_outages",
        "How often Valkey stopped answering about limits",
        value=counts.outages,
    )
    yield _counters(
        "limit_decisions",
        "Decisions over the limits of a call, by where they were made",
        ("by",),
        {
            ("slice",): counts.by_slice,
            ("valkey",): counts.by_valkey,
            ("recent_refusal",): counts.by_recent_refusal,
            ("share",): counts.by_share,
            ("unavailable",): counts.unavailable,
            ("money_unknown",): counts.money_unknown,
        },
    )
