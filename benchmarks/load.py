"""One measurement: load on a target, and what the target spent on it."""

import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks import processes
from benchmarks.plane import CHUNKS_PER_STREAM, HARNESS, MODEL, Target

_SENTENCE = "Why is the sea salty, and the rivers that run into it are not? "
EVENTS_PER_STREAM = CHUNKS_PER_STREAM + 1
"""The chunks and the final usage; `[DONE]` is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    title: str
    connections: int
    seconds: float
    warm_up_seconds: float
    is_streamed: bool = False
    prompt_bytes: int = 500


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the load generator prints."""

    issued: int
    completed: int
    """Whole answers of status 200 that ended after the warm-up."""
    failed: int
    refused: int
    unfinished: int
    seconds: float
    latency_us_p50: float
    latency_us_p99: float
    chunk_us_p50: float
    chunk_us_p99: float
    events: int
    usages: int
    dones: int
    first_refusal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    scenario: Scenario
    target: str
    load: LoadResult
    cpu_us_per_request: float
    utilisation: float
    """Of one CPU; below about 0.9 the target was not saturated."""
    resident_mib: float

    @property
    def requests_per_second(self) -> float:
        return self.load.completed / self.load.seconds

    @property
    def cpu_us_per_chunk(self) -> float:
        return self.cpu_us_per_request / EVENTS_PER_STREAM

    @property
    def problem(self) -> str:
        """Empty: every answer was whole and had its usage."""
        load = self.load
        if load.failed or load.refused or load.unfinished:
            return (
                f"{load.failed} failed, {load.refused} refused, {load.unfinished} "
                f"unfinished {load.first_refusal}"
            )
        if self.scenario.is_streamed and not (
            load.events == load.completed * EVENTS_PER_STREAM
            and load.usages == load.dones == load.completed
        ):
            return f"{load.events} events in {load.completed} streams"
        return ""


def write_bodies(folder: Path, scenarios: Iterable[Scenario]) -> None:
    for scenario in scenarios:
        content = _SENTENCE * (scenario.prompt_bytes // len(_SENTENCE) + 1)
        request = {
            "model": MODEL,
            "messages": [
                {"role": "system", "content": "You are a helpful assistant."},
                {"role": "user", "content": content[: scenario.prompt_bytes]},
            ],
            "max_tokens": 128,
            "temperature": 0.7,
            "stream": scenario.is_streamed,
        }
        if scenario.is_streamed:
            request["stream_options"] = {"include_usage": True}
        _body_file(folder, scenario).write_bytes(msgspec.json.encode(request))


def _body_file(folder: Path, scenario: Scenario) -> Path:
    return folder / f"{scenario.name}.json"


def measure(
    target: Target, scenario: Scenario, *, folder: Path, secret: str, cpu: int
) -> Row:
    cpu_before, began = processes.cpu_seconds(target.pid), time.monotonic()
    load = _run(target, scenario, folder=folder, secret=secret, cpu=cpu)
    cpu_seconds = processes.cpu_seconds(target.pid) - cpu_before
    return Row(
        scenario=scenario,
        target=target.name,
        load=load,
        cpu_us_per_request=cpu_seconds * 1e6 / max(1, load.issued),
        utilisation=cpu_seconds / (time.monotonic() - began),
        resident_mib=processes.resident_mib(target.pid),
    )


def _run(
    target: Target, scenario: Scenario, *, folder: Path, secret: str, cpu: int
) -> LoadResult:
    argv = ["taskset", "-c", str(cpu), str(HARNESS / "build" / "load")]
    argv += ["-p", str(target.port), "-b", str(_body_file(folder, scenario))]
    argv += ["-c", str(scenario.connections), "-d", str(scenario.seconds)]
    argv += ["-w", str(scenario.warm_up_seconds), "-k", secret]
    argv += ["-s"] if scenario.is_streamed else []
    done = subprocess.run(argv, check=True, capture_output=True, timeout=60)
    return msgspec.json.decode(done.stdout, type=LoadResult)
