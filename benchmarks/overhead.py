"""What the proxy adds to a call, beside the engine alone and nginx: `make bench`.

All targets are measured in turn within each repetition, so that a slow minute of the
machine hits all of them alike; medians are printed. README.md explains the figures.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from benchmarks import load, plane, processes
from benchmarks.load import Row, Scenario
from benchmarks.plane import HARNESS, Plane, Target
from benchmarks.processes import Cpus

_REPETITIONS = 3
SATURATED = Scenario(
    name="saturated",
    title="Whole answers, 64 clients, as fast as they can",
    connections=64,
    seconds=3,
    warm_up_seconds=0.3,
)
LARGE = Scenario(
    name="large",
    title="The same with a prompt of 16 kB",
    connections=64,
    seconds=2,
    warm_up_seconds=0.2,
    prompt_bytes=16_000,
)
ALONE = Scenario(
    name="alone",
    title="Whole answers, one client: the added latency",
    connections=1,
    seconds=2,
    warm_up_seconds=0.2,
)
STREAMED = Scenario(
    name="streamed",
    title="100 streams at once, 100 chunks each, 10 ms apart",
    connections=100,
    seconds=3,
    warm_up_seconds=0,
    is_streamed=True,
)
_SCENARIOS = (SATURATED, LARGE, ALONE, STREAMED)

_Figure = Callable[[Row], float]
_COLUMNS: dict[str, tuple[_Figure, str]] = {
    "requests/s": (lambda row: row.requests_per_second, ",.0f"),
    "CPU µs/request": (lambda row: row.cpu_us_per_request, ",.0f"),
    "CPU used": (lambda row: row.utilisation, ".2f"),
    "p50 µs": (lambda row: row.load.latency_us_p50, ",.0f"),
    "p99 µs": (lambda row: row.load.latency_us_p99, ",.0f"),
    "MiB": (lambda row: row.resident_mib, ".0f"),
}
_STREAM_COLUMNS: dict[str, tuple[_Figure, str]] = {
    "CPU µs/chunk": (lambda row: row.cpu_us_per_chunk, ".1f"),
    "CPU used": (lambda row: row.utilisation, ".2f"),
    "chunk p50 µs": (lambda row: row.load.chunk_us_p50, ",.0f"),
    "chunk p99 µs": (lambda row: row.load.chunk_us_p99, ",.0f"),
    "MiB": (lambda row: row.resident_mib, ".0f"),
}


def build_harness() -> None:
    if not (shutil.which("cc") and shutil.which("make") and shutil.which("taskset")):
        sys.exit("The benchmark needs a C compiler, make and taskset (util-linux).")
    subprocess.run(["make", "-s", "-C", str(HARNESS)], check=True)


def measure_all(
    running: Plane, targets: Sequence[Target], *, cpus: Cpus, repetitions: int
) -> list[Row]:
    load.write_bodies(running.home, _SCENARIOS)
    return [
        load.measure(
            target, scenario, folder=running.home, secret=running.secret, cpu=cpus.load
        )
        for _ in range(repetitions)
        for scenario in _SCENARIOS
        for target in targets
    ]


def print_tables(rows: Sequence[Row]) -> None:
    for scenario in _SCENARIOS:
        columns = _STREAM_COLUMNS if scenario.is_streamed else _COLUMNS
        print(f"\n### {scenario.title}\n")
        print("| |", " | ".join(columns), "|")
        print("|---|" + "---:|" * len(columns))
        for target in dict.fromkeys(row.target for row in rows):
            some = _of(rows, scenario, target)
            cells = (
                format(median(map(figure, some)), form)
                for figure, form in columns.values()
            )
            print(f"| {target} |", " | ".join(cells), "|")


def _of(rows: Sequence[Row], scenario: Scenario, target: str) -> list[Row]:
    return [row for row in rows if (row.scenario, row.target) == (scenario, target)]


def print_added_latency(rows: Sequence[Row], names: Sequence[str]) -> None:
    """Differences within one repetition, then the median of them."""
    direct, *others = names
    print("\nAdded to a call of the engine, one client:")
    for name in others:
        pairs = list(zip(_of(rows, ALONE, name), _of(rows, ALONE, direct), strict=True))
        p50, p99 = (
            median(figure(its) - figure(least) for its, least in pairs)
            for figure in (_COLUMNS["p50 µs"][0], _COLUMNS["p99 µs"][0])
        )
        print(f"- {name}: p50 {p50:+,.0f} µs, p99 {p99:+,.0f} µs")


def complaints(rows: Sequence[Row], running: Plane) -> list[str]:
    """What makes the figures worthless; empty: every call was answered and recorded."""
    found = [
        f"{row.target}, {row.scenario.name}: {row.problem}"
        for row in rows
        if row.problem
    ]
    loads = [row.load for row in rows if row.target == running.proxy.name]
    calls = sum(one.issued - one.refused - one.failed for one in loads)
    running.stop_proxy()
    events = running.journal_events()
    print(f"\nCalls of the proxy {calls:,}, usage events in its journal {events:,}.")
    if calls != events:
        found.append("calls and usage events differ")
    return found


def main() -> None:
    build_harness()
    cpus = processes.choose_cpus()
    print(f"{platform.platform()}, {os.cpu_count()} CPUs, {_REPETITIONS} repetitions")
    print("Load average before:", *os.getloadavg())
    with tempfile.TemporaryDirectory(prefix="tokenfab-bench-") as folder:
        found = _measure_and_report(Path(folder), cpus)
    print("Load average after:", *os.getloadavg())
    if found:
        sys.exit("Do not believe these figures:\n- " + "\n- ".join(found))


def _measure_and_report(home: Path, cpus: Cpus) -> list[str]:
    with (
        plane.running_plane(home, cpus) as running,
        plane.running_nginx(running, cpus) as nginx,
    ):
        if nginx is None:
            print("nginx is not installed: skipped.")
        targets = [running.engine, running.proxy, *([nginx] if nginx else [])]
        rows = measure_all(running, targets, cpus=cpus, repetitions=_REPETITIONS)
        print_tables(rows)
        print_added_latency(rows, [target.name for target in targets])
        return complaints(rows, running)


if __name__ == "__main__":
    main()
