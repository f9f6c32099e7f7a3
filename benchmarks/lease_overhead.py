"""What leases cost a call that wants none: this proxy against an earlier one, in turn.

`python -m benchmarks.lease_overhead FOLDER`: the compiled proxy of the earlier commit;
README.md says how to make it. `REPETITIONS` (15) may be set in the environment.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles

from benchmarks import load, overhead, plane, processes
from benchmarks.load import Row, Scenario
from benchmarks.overhead import SATURATED, STREAMED
from benchmarks.plane import Target
from benchmarks.processes import Cpus
from config import compiled
from config.environment import REPOSITORY

REPETITIONS = int(os.environ.get("REPETITIONS") or 15)
SCENARIOS = (SATURATED, STREAMED)
BEFORE, NOW = "before", "now"
WITH_MONEY = ", money"


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


def _measure(home: Path, before: Path, cpus: Cpus) -> list[Row]:
    keys = plane.bench_keys()
    with ExitStack() as stack:
        running = stack.enter_context(plane.running_plane(home, cpus, keys=keys))
        pairs = []
        for index, (name, folder) in enumerate(((BEFORE, before), (NOW, None))):
            proxy = stack.enter_context(
                plane.running_proxy(
                    running, cpu=cpus.measured, index=index, folder=folder
                )
            )
            plain, money = plane.targets_of(proxy, keys)
            pairs.append(
                (replace(plain, name=name), replace(money, name=name + WITH_MONEY))
            )
        load.write_bodies(home, SCENARIOS)
        return list(_rows(home, pairs, cpus))


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
    if compiled.folder_to_run() == REPOSITORY:
        sys.exit("This proxy is not compiled, or changed since: make compile.")
    overhead.build_harness()
    before, cpus = Path(sys.argv[1]).resolve(), processes.choose_cpus()
    with tempfile.TemporaryDirectory(prefix="tokenfab-bench-") as folder:
        rows = _measure(Path(folder), before, cpus)
    print("\n".join(_lines(rows)))
    if problems := {f"{one.target}: {one.problem}" for one in rows if one.problem}:
        sys.exit("Do not believe these figures:\n- " + "\n- ".join(sorted(problems)))


if __name__ == "__main__":
    main()
