"""One measurement: load on a target, and what the target spent on it."""

import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks import processes
from benchmarks.control_plane import MODEL
from benchmarks.instructions import InstructionCounter
from benchmarks.plane import CHUNKS_PER_STREAM, HARNESS, Target

_SENTENCE = "Why is the sea salty, and the rivers that run into it are not? "
EVENTS_PER_STREAM = CHUNKS_PER_STREAM + 1
"""The chunks and the final usage; `[DONE]` is not counted."""
_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    title: str
    connections: int
    seconds: float
    warm_up_seconds: float
    is_streamed: bool = False
    prompt_bytes: int = 500

    def connections_to(self, target: Target) -> int:
        most = target.streams_max if self.is_streamed else target.clients_max
        return min(self.connections, most or self.connections)


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the load generator prints."""

    issued: int
    completed: int
    """Whole answers of status 200 that ended after the warm-up."""
    failed: int
    refused: int
    """Answered with another status."""
    unavailable: int
    """Of those: with 503."""
    aborted: int
    """Streams that the load hung up on, as it was told to."""
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

    def problem(self, *, is_streamed: bool, extra_events: int = 0) -> str:
        """Empty: every answer was whole and had its usage."""
        if self.failed or self.refused or self.unfinished:
            return (
                f"{self.failed} failed, {self.refused} refused, {self.unfinished} "
                f"unfinished {self.first_refusal}"
            )
        if self.usages != self.completed:
            return f"{self.usages} usages in {self.completed} answers"
        if is_streamed and not (
            self.events == self.completed * (EVENTS_PER_STREAM + extra_events)
            and self.dones == self.completed
        ):
            return f"{self.events} events, {self.dones} ends, {self.completed} streams"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    scenario: Scenario
    target: str
    extra_events: int
    connections: int
    load: LoadResult
    cpu_us_per_request: float
    instructions_per_request: float | None
    """None: the machine does not count them."""
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
    def kilo_instructions_per_request(self) -> float | None:
        count = self.instructions_per_request
        return None if count is None else count / 1000

    @property
    def kilo_instructions_per_chunk(self) -> float | None:
        count = self.kilo_instructions_per_request
        return None if count is None else count / EVENTS_PER_STREAM

    @property
    def problem(self) -> str:
        return self.load.problem(
            is_streamed=self.scenario.is_streamed, extra_events=self.extra_events
        )


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
        body_file(folder, scenario).write_bytes(msgspec.json.encode(request))


def body_file(folder: Path, scenario: Scenario) -> Path:
    return folder / f"{scenario.name}.json"


def measure(target: Target, scenario: Scenario, *, folder: Path, cpu: int) -> Row:
    cpu_before, began = processes.cpu_seconds(target.pids), time.monotonic()
    counter = InstructionCounter(target.pids)
    load = run(target, scenario, folder=folder, cpu=cpu)
    instructions = counter.read()
    cpu_seconds = processes.cpu_seconds(target.pids) - cpu_before
    requests = max(1, load.issued)
    return Row(
        scenario=scenario,
        target=target.name,
        extra_events=target.extra_events,
        connections=scenario.connections_to(target),
        load=load,
        cpu_us_per_request=cpu_seconds * 1e6 / requests,
        instructions_per_request=(
            None if instructions is None else instructions / requests
        ),
        utilisation=cpu_seconds / (time.monotonic() - began),
        resident_mib=processes.resident_mib(target.pids),
    )


def run(target: Target, scenario: Scenario, *, folder: Path, cpu: int) -> LoadResult:
    argv = arguments(target.port, scenario, folder=folder, cpu=cpu)
    argv += ["-c", str(scenario.connections_to(target)), "-k", target.secret]
    done = subprocess.run(
        argv, check=True, capture_output=True, timeout=_TIMEOUT_SECONDS
    )
    return msgspec.json.decode(done.stdout, type=LoadResult)


def arguments(port: int, scenario: Scenario, *, folder: Path, cpu: int) -> list[str]:
    """Of the load generator, all but who calls and over how many connections."""
    argv = ["taskset", "-c", str(cpu), str(HARNESS / "build" / "load")]
    argv += ["-p", str(port), "-b", str(body_file(folder, scenario))]
    argv += ["-d", str(scenario.seconds), "-w", str(scenario.warm_up_seconds)]
    return [*argv, "-s"] if scenario.is_streamed else argv
