"""Counters and latencies of one proxy process, in Prometheus' text format."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from metering.proxy.usage import Usage
from metering.wire import Outcome, UsageSource

_LATENCY_BUCKETS = (0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600)


class Observer:
    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.answers = Counter(
            "tokenfab_proxy_answers",
            "Answers begun, by endpoint and status",
            ["endpoint", "status"],
            registry=registry,
        )
        self.refusals = Counter(
            "tokenfab_proxy_refusals",
            "Calls refused or failed by the proxy, by error code",
            ["code"],
            registry=registry,
        )
        self.tokens = Counter(
            "tokenfab_proxy_tokens",
            "Tokens metered, by model and meter",
            ["model", "meter"],
            registry=registry,
        )
        self.outcomes = Counter(
            "tokenfab_proxy_outcomes",
            "Usage events recorded, by outcome and usage source",
            ["outcome", "usage_source"],
            registry=registry,
        )
        self.first_token_seconds = Histogram(
            "tokenfab_proxy_first_token_seconds",
            "Receipt of the request to the first streamed byte",
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self.call_seconds = Histogram(
            "tokenfab_proxy_call_seconds",
            "Receipt of the request to the end of the engine's answer",
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "tokenfab_proxy_calls_in_flight", "Calls in flight", registry=registry
        )
        self.clients = Gauge(
            "tokenfab_proxy_client_connections", "Open connections", registry=registry
        )
        self.buffered_body_bytes = Gauge(
            "tokenfab_proxy_buffered_body_bytes",
            "Request bodies in memory, over all connections and calls",
            registry=registry,
        )
        self.answers_held = Gauge(
            "tokenfab_proxy_answers_held",
            "Answers of idempotency keys that are held in memory",
            registry=registry,
        )
        self.engine_healthy = Gauge(
            "tokenfab_proxy_engine_healthy",
            "1 when the engine's last probe succeeded",
            ["engine"],
            registry=registry,
        )
        self.journal_events = Counter(
            "tokenfab_proxy_journal_events",
            "Usage events made durable",
            registry=registry,
        )
        self.ends_withheld = Counter(
            "tokenfab_proxy_ends_withheld",
            "Answers closed without their end: the journal was too slow to confirm",
            registry=registry,
        )

    @cache  # noqa: B019 - one observer a process, few label values
    def answer_counter(self, endpoint: str, status: int) -> Counter:
        """`labels()` costs more than the counting, hence once for each combination."""
        return self.answers.labels(endpoint, str(status))

    @cache  # noqa: B019
    def _use_counters(
        self, model: str, outcome: Outcome, usage_source: UsageSource
    ) -> tuple[Counter, Counter, Counter, Counter]:
        return (
            self.outcomes.labels(outcome, usage_source),
            self.tokens.labels(model, "new_input_tokens"),
            self.tokens.labels(model, "cached_input_tokens"),
            self.tokens.labels(model, "output_tokens"),
        )

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
        calls, new, cached, output = self._use_counters(model, outcome, usage_source)
        calls.inc()
        new.inc(usage.input_tokens - usage.cached_input_tokens)
        output.inc(usage.output_tokens)
        if usage.cached_input_tokens:
            cached.inc(usage.cached_input_tokens)
        if first_token_us is not None:
            self.first_token_seconds.observe(first_token_us / 1e6)
        if call_us is not None:
            self.call_seconds.observe(call_us / 1e6)

    def text(self) -> bytes:
        return generate_latest(self._registry)
