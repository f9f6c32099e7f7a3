"""Half an hour under mixed load with 10,000 keys that come and go: `make soak`.

One proxy serves whole answers, streams, and streams whose clients hang up, while new
snapshots add and remove keys. A new key must work and a removed one must not; every
call must be answered whole and be in the journal once. The memory of the proxy is
sampled all the while, into test-output/soak.csv too. `DURATION` (1800, seconds) may be
set in the environment.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks import load, overhead, plane, processes, report
from benchmarks.crowd import Crowd, probe
from benchmarks.journal_check import JournalCheck
from benchmarks.load import LoadResult, Scenario
from benchmarks.plane import Plane, Proxy
from benchmarks.processes import Cpus
from benchmarks.slope import Slope, slope

_DURATION_SECONDS = float(os.environ.get("DURATION") or 1800)
_ROUND_SECONDS = 20.0
_CHURN_SECONDS = 5.0
_NOTICE_SECONDS_MAX = 3.0
_WARM_UP_SHARE = 0.2
"""Of the samples: what fills up once is no slope."""
_ABORT_AFTER_EVENTS = 20
_GRACE_SECONDS = 20
_SAMPLES = Path("test-output/soak.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One of the loads that run at once."""

    scenario: Scenario
    options: tuple[str, ...] = ()


def _part(name: str, connections: int, *options: str, is_streamed: bool) -> Part:
    scenario = Scenario(
        name=name,
        title=name,
        connections=connections,
        seconds=_ROUND_SECONDS,
        warm_up_seconds=0,
        is_streamed=is_streamed,
    )
    return Part(scenario=scenario, options=options)


PARTS = (
    _part("whole", 4, is_streamed=False),
    _part("streams", 40, is_streamed=True),
    _part("aborted", 10, "-a", str(_ABORT_AFTER_EVENTS), is_streamed=True),
)


@dataclass(slots=True, kw_only=True)
class Totals:
    answers: int = 0
    streams: int = 0
    aborted: int = 0
    unavailable: int = 0
    """Refused with 503: Valkey was too slow to tell about limits."""
    probes: int = 0
    """Calls with new keys that were answered."""
    wrong: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        return self.answers + self.streams + self.aborted + self.probes

    def add(self, part: Part, result: LoadResult) -> None:
        if part.options:
            self.aborted += result.aborted
        elif part.scenario.is_streamed:
            self.streams += result.completed
        else:
            self.answers += result.completed
        self.unavailable += result.unavailable
        answered = msgspec.structs.replace(
            result, refused=result.refused - result.unavailable
        )
        if problem := answered.problem(is_streamed=part.scenario.is_streamed):
            self.wrong.append(f"{part.scenario.name}: {problem}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    seconds: float
    proxy_mib: float
    valkey_mib: float


class Soak:
    def __init__(self, running: Plane, proxy: Proxy, cpus: Cpus, crowd: Crowd) -> None:
        self._plane, self._proxy, self._cpus = running, proxy, cpus
        self._crowd = crowd
        self._chance = random.Random(1)  # noqa: S311  a load, not a secret
        self._began = time.monotonic()
        self.totals = Totals()
        self.samples = [self._sample()]
        self.journal = JournalCheck(running.journal(proxy))

    def _sample(self) -> Sample:
        return Sample(
            seconds=time.monotonic() - self._began,
            proxy_mib=processes.resident_mib([self._proxy.pid]),
            valkey_mib=processes.resident_mib([self._plane.valkey_pid]),
        )

    def run(self) -> None:
        load.write_bodies(self._plane.home, [part.scenario for part in PARTS])
        while time.monotonic() < self._began + _DURATION_SECONDS:
            self._crowd.settle()
            loads = [self._start(part) for part in PARTS]
            while any(one.poll() is None for one in loads):
                self._churn()
                self.samples.append(self._sample())
                self._wait(loads)
            for part, one in zip(PARTS, loads, strict=True):
                self._read(part, one)
            self.journal.take_sealed()

    def _start(self, part: Part) -> subprocess.Popen[bytes]:
        name, folder = part.scenario.name, self._plane.home
        secrets = folder / f"{name}.secrets"
        settled = self._crowd.settled_secrets()
        self._chance.shuffle(settled)
        secrets.write_text("\n".join(settled))
        argv = load.arguments(
            self._proxy.port, part.scenario, folder=folder, cpu=self._cpus.load
        )
        argv += ["-c", str(part.scenario.connections), "-K", str(secrets)]
        return subprocess.Popen([*argv, *part.options], stdout=subprocess.PIPE)

    def _wait(self, loads: list[subprocess.Popen[bytes]]) -> None:
        deadline = time.monotonic() + _CHURN_SECONDS
        for one in loads:
            try:
                one.wait(timeout=max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                return

    def _read(self, part: Part, one: subprocess.Popen[bytes]) -> None:
        output, _ = one.communicate(timeout=_GRACE_SECONDS)
        self.totals.add(part, msgspec.json.decode(output, type=LoadResult))

    def _churn(self) -> None:
        """New keys work and removed ones do not, soon after they are published."""
        removed, added = self._crowd.churn()
        self._plane.control.publish_keys(self._crowd.keys)
        self._expect(200, added)
        self._expect(401, removed)

    def _expect(self, status: int, secret: str) -> None:
        """Asks until the proxy has come to know; answered calls are counted."""
        deadline = time.monotonic() + _NOTICE_SECONDS_MAX
        while (found := probe(self._proxy.port, secret)) != status:
            self.totals.probes += found == 200
            if time.monotonic() > deadline:
                self.totals.wrong.append(f"a key got {found} instead of {status}")
                return
            time.sleep(0.1)
        self.totals.probes += found == 200


def settled_slope(samples: list[Sample]) -> Slope:
    settled = samples[int(len(samples) * _WARM_UP_SHARE) :]
    return slope(
        [one.seconds / 60 for one in settled],
        [one.proxy_mib * 1024 for one in settled],
    )


def lines(soak: Soak, crowd: Crowd, *, highest_mib: float) -> Iterator[str]:
    totals, samples = soak.totals, soak.samples
    settled = samples[int(len(samples) * _WARM_UP_SHARE)]
    yield (
        f"{samples[-1].seconds / 60:.1f} minutes, {len(crowd.keys):,} keys, "
        f"{crowd.removed_count:,} removed and as many added by {crowd.version:,} "
        f"snapshots. {totals.answers:,} whole answers, {totals.streams:,} streams, "
        f"{totals.aborted:,} streams broken off by their client, {totals.probes:,} "
        f"calls with new keys: {totals.calls:,} calls, {soak.journal.events:,} usage "
        f"events, {soak.journal.duplicated} of them twice. {totals.unavailable:,} "
        "calls were refused because Valkey did not tell of limits in time."
    )
    yield "\n| resident MiB | before, with all keys | warm | at the end | highest |"
    yield "|---|---:|---:|---:|---:|"
    yield (
        f"| proxy | {samples[0].proxy_mib:.1f} | {settled.proxy_mib:.1f} | "
        f"{samples[-1].proxy_mib:.1f} | {highest_mib:.1f} |"
    )
    yield (
        f"| Valkey | {samples[0].valkey_mib:.1f} | {settled.valkey_mib:.1f} | "
        f"{samples[-1].valkey_mib:.1f} | "
        f"{max(one.valkey_mib for one in samples):.1f} |"
    )
    found = settled_slope(samples)
    yield (
        f"\nThe proxy's memory grows by {found.per_minute:+.1f} ± {found.error:.1f} "
        f"KiB a minute (least squares, {found.count} samples, two standard errors)."
    )


def _write_samples(samples: list[Sample]) -> None:
    _SAMPLES.parent.mkdir(exist_ok=True)
    rows = (f"{s.seconds:.1f},{s.proxy_mib:.2f},{s.valkey_mib:.2f}\n" for s in samples)
    _SAMPLES.write_text("seconds,proxy_mib,valkey_mib\n" + "".join(rows))


def main() -> None:
    overhead.build_harness()
    cpus, crowd = processes.choose_cpus(), Crowd()
    with (
        tempfile.TemporaryDirectory(prefix="tokenfab-soak-") as folder,
        plane.running_plane(Path(folder), cpus, keys=crowd.keys) as running,
    ):
        with ExitStack() as stack:
            proxy = stack.enter_context(plane.running_proxy(running, cpu=cpus.measured))
            soak = Soak(running, proxy, cpus, crowd)
            soak.run()
            highest_mib = processes.highest_resident_mib(proxy.pid)
        soak.journal.take_all()
    text = "\n".join(lines(soak, crowd, highest_mib=highest_mib))
    print(text)
    _write_samples(soak.samples)
    wrong = soak.totals.wrong
    if soak.totals.calls != soak.journal.events or soak.journal.duplicated:
        wrong.append("calls and usage events differ")
    if wrong:
        print(f"{len(wrong)} things were wrong, the first of them:", file=sys.stderr)
        sys.exit("- " + "\n- ".join(wrong[:20]))
    report.keep("soak", text)


if __name__ == "__main__":
    main()
