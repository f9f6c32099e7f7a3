"""What leases cost a call that wants none: this proxy against an earlier one, in turn.

`python -m benchmarks.lease_overhead CHECKOUT`: of the earlier commit, compiled; how to
make it is in README.md. `REPETITIONS` (10) may be set in the environment.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles

import msgspec

from benchmarks import load, overhead, processes
from benchmarks.load import Row, Scenario
from benchmarks.overhead import SATURATED, STREAMED
from benchmarks.plane import Target
from benchmarks.processes import Cpus
from config.environment import REPOSITORY

REPETITIONS = int(os.environ.get("REPETITIONS") or 10)
SCENARIOS = (SATURATED, replace(STREAMED, seconds=4))
"""Longer streams than elsewhere: the kernel counts CPU time in ticks."""
BEFORE, NOW = "before", "now"
WITH_MONEY = ", money"
_SERVE = """
import sys
from dataclasses import asdict
from pathlib import Path
import msgspec
from benchmarks import overhead, plane, processes
from config import compiled
from config.environment import REPOSITORY
if compiled.folder_to_run() == REPOSITORY:
    sys.exit(1)
home = Path(sys.argv[1])
home.mkdir()
overhead.build_harness()
cpus, keys = processes.choose_cpus(), plane.bench_keys()
with plane.running_plane(home, cpus, keys=keys) as running:
    with plane.running_proxy(running, cpu=cpus.measured) as proxy:
        targets = [asdict(one) for one in plane.targets_of(proxy, keys)]
        print(msgspec.json.encode(targets).decode(), flush=True)
        sys.stdin.read()
"""
"""Run in each of the two checkouts; ends with its input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Now divided by before, within each repetition."""

    before: float
    """Median, in the figure's own unit."""
    now: float
    middle: float
    low: float
    """Between it and `high` lies the middle half of the repetitions."""
    high: float


def ratio(before: Sequence[float], now: Sequence[float]) -> Ratio:
    """By repetition, two of them at least."""
    found = [one / other for one, other in zip(now, before, strict=True)]
    low, _, high = quantiles(found, n=4, method="inclusive")
    return Ratio(
        before=median(before),
        now=median(now),
        middle=median(found),
        low=low,
        high=high,
    )


@contextmanager
def _serving(checkout: Path, name: str, home: Path) -> Iterator[tuple[Target, Target]]:
    """A proxy of that checkout with all that it needs, written by its own code: what
    the planes say to each other changes. One target without money limits, one with.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(home)],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin
    assert process.stdout
    try:
        line = process.stdout.readline()
        if not line:
            sys.exit(f"The proxy of {checkout} does not run, or is not compiled there.")
        plain, money = (
            msgspec.convert(one, Target) for one in msgspec.json.decode(line)
        )
        yield replace(plain, name=name), replace(money, name=name + WITH_MONEY)
    finally:
        process.stdin.close()
        process.wait(timeout=30)


def _measure(home: Path, before: Path, cpus: Cpus) -> list[Row]:
    with (
        _serving(before, BEFORE, home / BEFORE) as early,
        _serving(REPOSITORY, NOW, home / NOW) as late,
    ):
        load.write_bodies(home, SCENARIOS)
        return list(_rows(home, (early, late), cpus))


def _rows(
    home: Path, pairs: Sequence[tuple[Target, Target]], cpus: Cpus
) -> Iterator[Row]:
    """The first repetition warms up, and is left out."""
    for number in range(REPETITIONS + 1):
        in_turn = pairs if number % 2 else pairs[::-1]
        for scenario, kind in ((s, k) for s in SCENARIOS for k in (0, 1)):
            for pair in in_turn:
                row = load.measure(pair[kind], scenario, folder=home, cpu=cpus.load)
                if number:
                    yield row
        print(f"repetition {number} of {REPETITIONS}", file=sys.stderr, flush=True)


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    yield "| per call | before | now | now ÷ before | half of them between |"
    yield "| --- | ---: | ---: | ---: | --- |"
    for scenario in SCENARIOS:
        for kind in ("", WITH_MONEY):
            yield from _figures(rows, scenario, kind)


def _figures(rows: Sequence[Row], scenario: Scenario, kind: str) -> Iterator[str]:
    before, now = (
        overhead.select(rows, scenario, name + kind) for name in (BEFORE, NOW)
    )
    title = f"{scenario.title}{kind}"
    found = ratio(
        [one.cpu_us_per_request for one in before],
        [one.cpu_us_per_request for one in now],
    )
    yield _line(f"{title}: CPU µs", found)
    instructions = [
        [one.kilo_instructions_per_request or 0.0 for one in side]
        for side in (before, now)
    ]
    if all(all(side) for side in instructions):
        yield _line(f"{title}: thousand instructions", ratio(*instructions))


def _line(name: str, found: Ratio) -> str:
    return (
        f"| {name} | {found.before:,.1f} | {found.now:,.1f} | {found.middle:.3f} | "
        f"{found.low:.3f} and {found.high:.3f} |"
    )


def main() -> None:
    if len(sys.argv) != 2 or REPETITIONS < 2:
        sys.exit(__doc__)
    before, cpus = Path(sys.argv[1]).resolve(), processes.choose_cpus()
    with tempfile.TemporaryDirectory(prefix="tokenfab-bench-") as folder:
        rows = _measure(Path(folder), before, cpus)
    print("\n".join(_lines(rows)))
    if problems := {f"{one.target}: {one.problem}" for one in rows if one.problem}:
        sys.exit("Do not believe these figures:\n- " + "\n- ".join(sorted(problems)))


if __name__ == "__main__":
    main()
