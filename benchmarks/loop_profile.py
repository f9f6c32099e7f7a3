"""Where the proxy's event loop spends its CPU time under load: `make profile`.

Twice, on a fresh proxy each: by the kernel's sampler (`perf`, if it is there), which
sees C and the kernel and no Python, and by `sampler.py`, which sees Python's lines.
`SCENARIO` (saturated, large, alone, streamed), `SECONDS` (10) and `MONEY` (1: the
tenant is prepaid) may be set in the environment. The raw samples stay in
test-output/profile.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import load, overhead, plane, processes
from benchmarks.load import Row, Scenario
from benchmarks.plane import Plane, Target
from benchmarks.processes import Cpus

OUTPUT = Path("test-output/profile").absolute()
_RATE = 997
_WARM_UP = 1.0
_ROWS = 30
_SECONDS = float(os.environ.get("SECONDS") or 10)
_NATIVE, _FOLDED = OUTPUT / "perf.data", OUTPUT / "python.folded"


def chosen_scenario() -> Scenario:
    name = os.environ.get("SCENARIO") or overhead.SATURATED.name
    for scenario in overhead.SCENARIOS:
        if scenario.name == name:
            return replace(scenario, seconds=_SECONDS, warm_up_seconds=_WARM_UP)
    sys.exit(f"SCENARIO={name}: choose of {[one.name for one in overhead.SCENARIOS]}")


def _profile(
    running: Plane,
    cpus: Cpus,
    scenario: Scenario,
    *,
    index: int,
    program: Sequence[str] = plane.PROXY,
    while_loaded: Callable[[int], contextlib.AbstractContextManager[None]],
) -> Row:
    """Loads a proxy of its own; `while_loaded` is given its pid."""
    keys = plane.bench_keys()
    running.control.publish_keys(keys)
    key = keys[1] if os.environ.get("MONEY") else keys[0]
    with plane.running_proxy(
        running, cpu=cpus.measured, index=index, program=program
    ) as proxy:
        target = Target(
            name=program[1], port=proxy.port, pids=(proxy.pid,), secret=key.secret
        )
        warm_up = replace(scenario, seconds=_WARM_UP, warm_up_seconds=0)
        load.run(target, warm_up, folder=running.home, cpu=cpus.load)
        with while_loaded(proxy.pid):
            return load.measure(target, scenario, folder=running.home, cpu=cpus.load)


@contextlib.contextmanager
def _perf(pid: int) -> Iterator[None]:
    """Of the main thread only, which is the loop's."""
    argv = ["perf", "record", "-q", "-e", "cpu-clock", "-F", str(_RATE), "-g"]
    process = subprocess.Popen([*argv, "-t", str(pid), "-o", str(_NATIVE)])
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


@contextlib.contextmanager
def _from_now_on(pid: int) -> Iterator[None]:
    """The sampler forgets the start and the warm-up."""
    os.kill(pid, signal.SIGUSR1)
    yield


def _print_native() -> None:
    for title, sort in (
        ("C and kernel, by object", "dso"),
        ("C and kernel, by function", "dso,symbol"),
    ):
        argv = ["perf", "report", "-i", str(_NATIVE), "--stdio", "--no-children"]
        done = subprocess.run(
            [*argv, "-g", "none", "--sort", sort],
            check=True,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        lines = [
            line.replace("-      -", "").rstrip()
            for line in done.stdout.splitlines()
            if line.strip() and not line.startswith("#")
        ]
        print(f"\n## {title}\n")
        print("\n".join(lines[:_ROWS]))


def _print_python(us_per_request: float) -> None:
    """Shares, and what they are of the CPU time of a call."""
    stacks = [
        (stack.split(";"), int(count))
        for stack, _, count in (
            line.rpartition(" ") for line in _FOLDED.read_text().splitlines()
        )
    ]
    total = sum(count for _, count in stacks) or 1
    selves: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    files: Counter[str] = Counter()
    inclusive: Counter[str] = Counter()
    for stack, count in stacks:
        own = stack[-1]
        lines[own] += count
        selves[_function(own)] += count
        files[own.partition(":")[0]] += count
        for function in {_function(name) for name in stack}:
            inclusive[function] += count
    print(
        f"\n{total:,} samples of Python's main thread, {us_per_request:.0f} µs a call"
    )
    for title, counted in (
        ("Python, by file", files),
        ("Python, by function, its own", selves),
        ("Python, by function, with what it calls", inclusive),
        ("Python, by line", lines),
    ):
        print(f"\n## {title}\n")
        for name, count in counted.most_common(_ROWS):
            share = count / total
            print(f"{share:7.1%} {share * us_per_request:7.2f} µs  {name}")


def _function(name: str) -> str:
    return name.rpartition(":")[0] or name


def main() -> None:
    overhead.build_harness()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    scenario, cpus = chosen_scenario(), processes.choose_cpus()
    with (
        tempfile.TemporaryDirectory(prefix="tokenfab-profile-") as folder,
        plane.running_plane(Path(folder), cpus, keys=plane.bench_keys()) as running,
    ):
        load.write_bodies(running.home, [scenario])
        print(f"# {scenario.title}, {scenario.seconds:g} s")
        if shutil.which("perf"):
            row = _profile(running, cpus, scenario, index=0, while_loaded=_perf)
            _print_row(row)
            _print_native()
        else:
            print("`perf` is not installed: only Python is sampled.")
        program = ("-m", "benchmarks.sampler", str(_RATE), str(_FOLDED))
        row = _profile(
            running,
            cpus,
            scenario,
            index=1,
            program=(*program, "metering.proxy.main"),
            while_loaded=_from_now_on,
        )
    _print_row(row)
    _print_python(row.cpu_us_per_request)


def _print_row(row: Row) -> None:
    print(
        f"\n{row.requests_per_second:,.0f} requests/s, "
        f"{row.cpu_us_per_request:.0f} CPU µs a call (all threads), "
        f"{row.utilisation:.2f} of a CPU. {row.problem}"
    )


if __name__ == "__main__":
    main()
