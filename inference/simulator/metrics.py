"""The simulator's counters, under vLLM's names and labels."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from time import time
from typing import Final

from inference.simulator.blocks import BLOCK_TOKENS
from inference.simulator.sequences import Sequence

_SECONDS: Final = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75)
_LONG_SECONDS: Final = (1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0, 640.0)
_TOKENS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


class Histogram:
    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


def _seconds() -> Histogram:
    return Histogram((*_SECONDS, *_LONG_SECONDS))


def _tokens() -> Histogram:
    return Histogram(_TOKENS)


@dataclass(slots=True)
class Metrics:
    """Counters of one engine epoch: they begin at zero with the process."""

    model: str
    block_count: int
    started_at: float = field(default_factory=time)
    """Seconds since the epoch; tells one engine epoch from the next."""
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    """The part of `prompt_tokens` found in the prefix cache or in host memory."""
    restored_prompt_tokens: int = 0
    """The part of `cached_prompt_tokens` that came up from host memory."""
    prefix_cache_queries: int = 0
    """Prompt tokens looked up at admission; counted even if no token followed."""
    prefix_cache_hits: int = 0
    external_queries: int = 0
    """Those of `prefix_cache_queries` that were looked up in host memory too."""
    external_hits: int = 0
    generation_tokens: int = 0
    running: int = 0
    waiting: int = 0
    kv_cache_usage: float = 0.0
    stopped: int = 0
    reached_length: int = 0
    time_to_first_token: Histogram = field(default_factory=_seconds)
    request_latency: Histogram = field(default_factory=_seconds)
    request_prompt_tokens: Histogram = field(default_factory=_tokens)
    request_generation_tokens: Histogram = field(default_factory=_tokens)

    def count_lookup(self, sequence: Sequence) -> None:
        """When the sequence is admitted."""
        restored = sequence.restored_tokens
        found = sequence.cached_tokens - restored
        self.prefix_cache_queries += len(sequence.prompt)
        self.prefix_cache_hits += found
        self.external_queries += len(sequence.prompt) - found
        self.external_hits += restored

    def count_prompt(self, sequence: Sequence) -> None:
        """As in vLLM with the first token, not on admission."""
        self.prompt_tokens += len(sequence.prompt)
        self.cached_prompt_tokens += sequence.cached_tokens
        self.restored_prompt_tokens += sequence.restored_tokens

    def text(self) -> bytes:
        """All metrics in Prometheus' text format, version 0.0.4."""
        return "".join(self._families()).encode()

    def _families(self) -> Iterator[str]:
        yield "# HELP process_start_time_seconds Start of this engine epoch.\n"
        yield "# TYPE process_start_time_seconds gauge\n"
        yield f"process_start_time_seconds {self.started_at}\n"
        yield self._cache_config()
        yield self._family("num_requests_running", "gauge", {"": self.running})
        yield self._family("num_requests_waiting", "gauge", {"": self.waiting})
        yield self._family("kv_cache_usage_perc", "gauge", {"": self.kv_cache_usage})
        for name, values in self._counters().items():
            yield self._family(f"{name}_total", "counter", values)
        yield self._histogram("time_to_first_token_seconds", self.time_to_first_token)
        yield self._histogram("e2e_request_latency_seconds", self.request_latency)
        yield self._histogram("request_prompt_tokens", self.request_prompt_tokens)
        yield self._histogram(
            "request_generation_tokens", self.request_generation_tokens
        )

    def _counters(self) -> dict[str, dict[str, float]]:
        computed = self.prompt_tokens - self.cached_prompt_tokens
        found = self.cached_prompt_tokens - self.restored_prompt_tokens
        return {
            "prefix_cache_queries": {"": self.prefix_cache_queries},
            "prefix_cache_hits": {"": self.prefix_cache_hits},
            "num_preemptions": {"": 0},
            "external_prefix_cache_queries": {"": self.external_queries},
            "external_prefix_cache_hits": {"": self.external_hits},
            "prompt_tokens": {"": self.prompt_tokens},
            "prompt_tokens_by_source": {
                _label("source", "local_compute"): computed,
                _label("source", "local_cache_hit"): found,
                _label("source", "external_kv_transfer"): self.restored_prompt_tokens,
            },
            "prompt_tokens_cached": {"": self.cached_prompt_tokens},
            "prompt_tokens_cached_by_source": {
                _label("source", "device"): self.prefix_cache_hits,
                _label("source", "host"): self.external_hits,
                **{_label("source", source): 0 for source in _OTHER_CACHES},
            },
            "generation_tokens": {"": self.generation_tokens},
            # vLLM leaves aborted requests out of this counter, and so do we.
            "request_success": {
                _label("finished_reason", "stop"): self.stopped,
                _label("finished_reason", "length"): self.reached_length,
                **{_label("finished_reason", other): 0 for other in _OTHER_REASONS},
            },
        }

    def _cache_config(self) -> str:
        labels = (
            f'block_size="{BLOCK_TOKENS}",enable_prefix_caching="True",engine="0",'
            f'kv_cache_size_tokens="{self.block_count * BLOCK_TOKENS}",'
            f'num_gpu_blocks="{self.block_count}"'
        )
        name = "vllm:cache_config_info"
        return (
            f"# HELP {name} The block pool.\n# TYPE {name} gauge\n"
            f"{name}{{{labels}}} 1.0\n"
        )

    def _family(self, name: str, kind: str, values: dict[str, float]) -> str:
        lines = [f"# HELP vllm:{name} {_HELP[name]}\n# TYPE vllm:{name} {kind}\n"]
        lines += [
            f"vllm:{name}{self._labels(extra)} {float(value)}\n"
            for extra, value in values.items()
        ]
        if kind == "counter":
            born = name.removesuffix("_total") + "_created"
            lines.append(f"# HELP vllm:{born} {_HELP[name]}\n")
            lines.append(f"# TYPE vllm:{born} gauge\n")
            lines += [
                f"vllm:{born}{self._labels(extra)} {self.started_at}\n"
                for extra in values
            ]
        return "".join(lines)

    def _labels(self, extra: str) -> str:
        labels = ['engine="0"', f'model_name="{self.model}"', extra]
        return f"{{{','.join(sorted(filter(None, labels)))}}}"

    def _histogram(self, name: str, histogram: Histogram) -> str:
        labels = f'engine="0",model_name="{self.model}"'
        counts = list(accumulate(histogram.counts))
        bounds = [*map(str, map(float, histogram.bounds)), "+Inf"]
        lines = [f"# HELP vllm:{name} {_HELP[name]}\n# TYPE vllm:{name} histogram\n"]
        lines += [
            f'vllm:{name}_bucket{{engine="0",le="{bound}",model_name="{self.model}"}}'
            f" {float(count)}\n"
            for bound, count in zip(bounds, counts, strict=True)
        ]
        lines.append(f"vllm:{name}_count{{{labels}}} {float(counts[-1])}\n")
        lines.append(f"vllm:{name}_sum{{{labels}}} {histogram.total}\n")
        return "".join(lines)


def _label(name: str, value: str) -> str:
    return f'{name}="{value}"'


_OTHER_CACHES = ("p2p", "disk", "external_unspecified")
_OTHER_REASONS = ("abort", "error", "repetition")
_HELP = {
    "num_requests_running": "Sequences that run now.",
    "num_requests_waiting": "Sequences that wait for room.",
    "kv_cache_usage_perc": "Share of KV blocks in use, 0 to 1.",
    "prefix_cache_queries_total": "Prompt tokens looked up in the prefix cache.",
    "prefix_cache_hits_total": "Prompt tokens found in the prefix cache.",
    "external_prefix_cache_queries_total": "Prompt tokens looked up in host memory.",
    "external_prefix_cache_hits_total": "Prompt tokens found in host memory.",
    "num_preemptions_total": "Sequences that lost their blocks and began again.",
    "prompt_tokens_total": "Prompt tokens read.",
    "prompt_tokens_by_source_total": "Prompt tokens read, by where they came from.",
    "prompt_tokens_cached_total": "Prompt tokens that were not computed again.",
    "prompt_tokens_cached_by_source_total": "Prompt tokens found, by cache.",
    "generation_tokens_total": "Tokens generated.",
    "request_success_total": "Finished sequences, by reason.",
    "time_to_first_token_seconds": "From receipt to the first token.",
    "e2e_request_latency_seconds": "From receipt to the last token.",
    "request_prompt_tokens": "Prompt tokens per finished sequence.",
    "request_generation_tokens": "Generated tokens per finished sequence.",
}
