"""Everything that is measured, in one interleaved run: `make bench`.

`REPETITIONS` (5) and `RESULTS` (benchmarks/RESULTS.md) may be set in the environment.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import (
    overhead,
    peers,
    plane,
    processes,
    report,
    scaling,
    shipper,
)
from benchmarks.load import Row
from benchmarks.plane import ENGINE, OURS, OURS_WITH_MONEY, Plane, Proxy
from benchmarks.processes import Cpus
from benchmarks.report import Measured

REPETITIONS = int(os.environ.get("REPETITIONS") or 5)
_SECONDS_MAX = 500
"""For the interleaved part; all of it ends within twelve minutes."""
_SCALING_REPETITIONS = 3


class Found:
    """What the parts of a run found, and what makes it worthless."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.missing: dict[str, str] = {}
        self.scaling: scaling.Scaling | None = None
        self.calls = self.events = self.events_twice = 0
        self.complaints: list[str] = []

    def count(self, running: Plane, proxy: Proxy, rows: Sequence[Row]) -> None:
        """The proxy has ended: its journal is complete."""
        ours = [row.load for row in rows if row.target in (OURS, OURS_WITH_MONEY)]
        ids = running.event_ids([proxy])
        self.calls = sum(one.issued - one.refused - one.failed for one in ours)
        self.events, self.events_twice = len(ids), len(ids) - len(set(ids))

    def complain(self, rows: Sequence[Row]) -> None:
        self.complaints += [
            f"{row.target}, {row.scenario.name}: {row.problem}"
            for row in rows
            if row.problem
        ]
        if self.scaling is not None:
            self.complaints += self.scaling.problems
            if (self.scaling.issued, self.scaling.duplicated) != (
                self.scaling.recorded,
                0,
            ):
                self.complaints.append(
                    f"two processes: {self.scaling.issued} calls, "
                    f"{self.scaling.recorded} events"
                )
        if self.calls != self.events or self.events_twice:
            self.complaints.append(f"{self.calls} calls, {self.events} events")


def _measure(home: Path, cpus: Cpus) -> Found:
    found, keys = Found(), plane.bench_keys()
    limited = scaling.limited_keys(_SCALING_REPETITIONS)
    with plane.running_plane(home, cpus, keys=[*keys, *limited]) as running:
        with (
            plane.running_proxy(running, cpu=cpus.measured) as proxy,
            peers.running(running, cpus) as (beside_us, found.missing),
        ):
            targets = [running.engine, *plane.targets_of(proxy, keys), *beside_us]
            _say(f"Measuring {', '.join(one.name for one in targets)}.")
            found.rows, warm_up = overhead.measure_all(
                running,
                targets,
                cpus=cpus,
                repetitions=REPETITIONS,
                seconds_max=_SECONDS_MAX,
            )
        found.count(running, proxy, [*found.rows, *warm_up])
        if not scaling.why_unavailable(cpus):
            _say("Measuring two processes against one.")
            found.scaling = scaling.measure(running, cpus, key=keys[0], limited=limited)
    found.complain([*found.rows, *warm_up])
    return found


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> None:
    overhead.build_harness()
    cpus, load_before = processes.choose_cpus(), os.getloadavg()
    times_before = processes.machine_times()
    with tempfile.TemporaryDirectory(prefix="tokenfab-bench-") as folder:
        found = _measure(Path(folder), cpus)
        _say("Measuring the shipper.")
        shipped = shipper.run_apart(Path(folder))
    measured = Measured(
        rows=found.rows,
        missing=found.missing,
        repetitions=len(overhead.select(found.rows, overhead.ALONE, ENGINE)),
        scaling=found.scaling,
        why_no_scaling=scaling.why_unavailable(cpus),
        shipped=shipped,
        calls=found.calls,
        events=found.events,
        events_twice=found.events_twice,
        load_before=load_before,
        steal=processes.steal(times_before, processes.machine_times()),
    )
    text = "\n".join(report.lines(measured))
    print(text)
    if found.complaints:
        sys.exit("Do not believe these figures:\n- " + "\n- ".join(found.complaints))
    report.keep("bench", text)


if __name__ == "__main__":
    main()
