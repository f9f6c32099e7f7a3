"""What a proxy adds to a call: all scenarios against all targets, in turn.

Repetition, then scenario, then target, so that a slow minute of the machine hits all
targets alike. README.md explains the figures.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from benchmarks import load
from benchmarks.load import Row, Scenario
from benchmarks.plane import HARNESS, Plane, Target
from benchmarks.processes import Cpus

SATURATED = Scenario(
    name="saturated",
    title="Whole answers, 128 clients, as fast as they can",
    connections=128,
    seconds=2.5,
    warm_up_seconds=0.3,
)
LARGE = Scenario(
    name="large",
    title="The same with a prompt of 16 kB",
    connections=128,
    seconds=1.5,
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
    seconds=2,
    warm_up_seconds=0,
    is_streamed=True,
)
SCENARIOS = (SATURATED, LARGE, ALONE, STREAMED)
_WARM_UP_SECONDS = 0.5


def build_harness() -> None:
    if not (shutil.which("cc") and shutil.which("make") and shutil.which("taskset")):
        sys.exit("The benchmark needs a C compiler, make and taskset (util-linux).")
    subprocess.run(["make", "-s", "-C", str(HARNESS)], check=True)


def measure_all(
    plane: Plane,
    targets: Sequence[Target],
    *,
    cpus: Cpus,
    repetitions: int,
    seconds_max: float,
) -> tuple[list[Row], list[Row]]:
    """The rows, and those of the warm-up, whose figures mean nothing.

    No repetition begins that would end after `seconds_max`; the first one always does.
    """
    load.write_bodies(plane.home, SCENARIOS)
    began = time.monotonic()
    warm_up = _one_repetition(
        plane,
        targets,
        cpus=cpus,
        scenarios=[_shortened(scenario) for scenario in SCENARIOS],
    )
    rows: list[Row] = []
    longest = 0.0
    for number in range(repetitions):
        now = time.monotonic()
        if number and now + longest > began + seconds_max:
            print(f"Only {number} repetitions: there is no time for more.")
            break
        rows += _one_repetition(plane, targets, cpus=cpus, scenarios=SCENARIOS)
        longest = max(longest, time.monotonic() - now)
    return rows, warm_up


def _one_repetition(
    plane: Plane,
    targets: Sequence[Target],
    *,
    cpus: Cpus,
    scenarios: Sequence[Scenario],
) -> list[Row]:
    return [
        load.measure(target, scenario, folder=plane.home, cpu=cpus.load)
        for scenario in scenarios
        for target in targets
    ]


def _shortened(scenario: Scenario) -> Scenario:
    return replace(scenario, seconds=_WARM_UP_SECONDS, warm_up_seconds=0)


def select(rows: Sequence[Row], scenario: Scenario, target: str) -> list[Row]:
    """In the order of the repetitions."""
    return [row for row in rows if (row.scenario, row.target) == (scenario, target)]
