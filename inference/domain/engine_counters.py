"""What an engine says of its own work: the counters in vLLM's `/metrics`."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_START: Final = "process_start_time_seconds"
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_FIELD_OF_SOURCE: Final = {
    "local_compute": "computed_input_tokens",
    "local_cache_hit": "cached_input_tokens",
    "external_kv_transfer": "external_input_tokens",
}
_FIELDS: Final = {
    "vllm:generation_tokens_total": "output_tokens",
    "vllm:num_requests_running": "running",
    "vllm:num_requests_waiting": "waiting",
}
_PROMPT: Final = "vllm:prompt_tokens_by_source_total"


class NoCountersError(ValueError):
    """The text holds none of the counters: no engine that counts tokens wrote it."""


@dataclass(frozen=True, kw_only=True)
class EngineCounters:
    """Since the engine process started, for one served model; all its ranks together.

    With `n` samples the engine counts the prompt `n` times.
    """

    computed_input_tokens: int = 0
    """Prompt tokens that were computed (`local_compute`)."""
    cached_input_tokens: int = 0
    """Prompt tokens found in the engine's own cache (`local_cache_hit`)."""
    external_input_tokens: int = 0
    """Prompt tokens whose KV came from elsewhere (`external_kv_transfer`)."""
    output_tokens: int = 0
    running: int = 0
    """Requests (each of `n` samples is one) in the batch now."""
    waiting: int = 0
    """Requests in the queue now."""


@dataclass(frozen=True, kw_only=True)
class EngineMetrics:
    started_at: float | None
    """Seconds since the epoch; None: the engine does not tell (several API servers)."""
    models: dict[str, EngineCounters]
    """By the name that the model is served under."""


def parse_metrics(text: str) -> EngineMetrics:
    """Raises NoCountersError, and ValueError for a number that is none."""
    started_at: float | None = None
    sums: dict[str, dict[str, int]] = {}
    for name, labels, value in _samples(text):
        if name == _START:
            started_at = float(value)
        elif field := _field_of(name, labels):
            of_model = sums.setdefault(labels.get("model_name", ""), {})
            of_model[field] = of_model.get(field, 0) + _whole(value)
    models = {name: EngineCounters(**fields) for name, fields in sums.items()}
    if not any(_FIELDS[_GENERATED] in fields for fields in sums.values()):
        raise NoCountersError("there is no vllm:generation_tokens_total")
    return EngineMetrics(started_at=started_at, models=models)


_GENERATED: Final = "vllm:generation_tokens_total"


def _samples(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    for line in text.splitlines():
        if not line.startswith(("vllm:prompt_t", "vllm:gen", "vllm:num_r", _START)):
            continue
        series, _, value = line.rpartition(" ")
        name, _, labels = series.partition("{")
        yield name, dict(_LABEL.findall(labels)), value


def _field_of(name: str, labels: dict[str, str]) -> str | None:
    if name == _PROMPT:
        return _FIELD_OF_SOURCE.get(labels.get("source", ""))
    return _FIELDS.get(name)


def _whole(value: str) -> int:
    number = float(value)
    if not (math.isfinite(number) and number >= 0 and number.is_integer()):
        raise ValueError(f"{value} is no count")
    return int(number)
