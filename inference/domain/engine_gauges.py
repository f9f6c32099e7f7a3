"""What an engine does at this moment: the gauges in vLLM's `/metrics`."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_RUNNING: Final = "vllm:num_requests_running"
_WAITING: Final = "vllm:num_requests_waiting"
_USAGE: Final = "vllm:kv_cache_usage_perc"
_CONFIG: Final = "vllm:cache_config_info"
_NAMES: Final = (_RUNNING, _WAITING, _USAGE, _CONFIG)


@dataclass(frozen=True, kw_only=True)
class EngineGauges:
    """Of all ranks and models of one engine together."""

    running: int = 0
    """Requests (each of `n` samples is one) in the batch."""
    waiting: int = 0
    pool_blocks: int = 0
    """KV blocks in HBM; 0: it does not tell."""
    used_blocks: int = 0
    """Of them, by running calls and leases; what is only cached counts as free."""


def parse_gauges(text: str) -> EngineGauges:
    """What is missing is 0. Raises ValueError for a number that is none."""
    sums = {_RUNNING: 0, _WAITING: 0}
    usage: dict[str, float] = {}
    blocks: dict[str, int] = {}
    for name, labels, value in _samples(text):
        rank = labels.get("engine", "")
        if name in sums:
            sums[name] += int(_finite(value))
        elif name == _USAGE:
            usage[rank] = min(1.0, _finite(value))
        elif name == _CONFIG and labels.get("num_gpu_blocks", "").isdecimal():
            blocks[rank] = int(labels["num_gpu_blocks"])
    return EngineGauges(
        running=sums[_RUNNING],
        waiting=sums[_WAITING],
        pool_blocks=sum(blocks.values()),
        used_blocks=sum(
            round(share * blocks.get(rank, 0)) for rank, share in usage.items()
        ),
    )


def _samples(text: str) -> Iterator[tuple[str, dict[str, str], str]]:
    for line in text.splitlines():
        if line.startswith(_NAMES):
            series, _, value = line.rpartition(" ")
            name, _, labels = series.partition("{")
            yield name, dict(_LABEL.findall(labels)), value


def _finite(value: str) -> float:
    number = float(value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{value} is no gauge")
    return number
