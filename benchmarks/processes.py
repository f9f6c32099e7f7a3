"""Programs pinned to a CPU, and what they cost."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_START_SECONDS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Cpus:
    """Which CPU runs what; with two, the servers around the proxy share the second."""

    measured: int
    load: int
    valkey: int
    spare: int
    """For a second proxy process; with fewer than four CPUs the measured one."""

    @property
    def are_enough_for_two(self) -> bool:
        return len({self.measured, self.load, self.valkey, self.spare}) == 4


def choose_cpus() -> Cpus:
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) == 1:
        print("Only one CPU: everything shares it, so only CPU time is worth reading.")
    first, second, third = (allowed * 3)[:3] if len(allowed) < 3 else allowed[:3]
    return Cpus(
        measured=first,
        load=second,
        valkey=third if len(allowed) > 2 else second,
        spare=allowed[3] if len(allowed) > 3 else first,
    )


def start(
    argv: Sequence[str],
    *,
    cpu: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """The pid is the program's own: taskset replaces itself by it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            ["taskset", "-c", str(cpu), *argv],
            stdout=output,
            stderr=output,
            cwd=folder,
            env={"PATH": os.environ["PATH"], **(environment or {})},
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Asks it to end; it and what it has started are killed if it does not."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        for pid in reversed(tree(process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def wait_until(
    is_up: Callable[[], bool], process: subprocess.Popen[bytes], log: Path
) -> None:
    """Ends the benchmark with the program's last words when it does not come up."""
    if not comes_up(is_up, process, seconds=_START_SECONDS_MAX):
        sys.exit(f"{log.stem} did not start:\n{log.read_text()[-2000:]}")


def comes_up(
    is_up: Callable[[], bool], process: subprocess.Popen[bytes], *, seconds: float
) -> bool:
    deadline = time.monotonic() + seconds
    while not is_up():
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def tree(pid: int) -> list[int]:
    """The process and all that descend from it, parents first."""
    pids = [pid]
    for parent in pids:  # grows while it is walked
        for thread in threads(parent):
            with contextlib.suppress(OSError):
                children = Path(f"/proc/{parent}/task/{thread}/children").read_text()
                pids += map(int, children.split())
    return pids


def threads(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208
    except FileNotFoundError:
        return []


def cpu_seconds(pids: Sequence[int]) -> float:
    """User and system time of process trees, of children that have ended too."""
    ticks = 0
    for pid in (member for root in pids for member in tree(root)):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/stat").read_text()
            fields = text[text.rindex(")") + 2 :].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS_PER_SECOND


def resident_mib(pids: Sequence[int]) -> float:
    """Of process trees; pages that several of them share are counted for each."""
    return (
        sum(_status_kib(member, "VmRSS") for root in pids for member in tree(root))
        / 1024
    )


def highest_resident_mib(pid: int) -> float:
    """The most that the process alone ever had."""
    return _status_kib(pid, "VmHWM") / 1024


def _status_kib(pid: int, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    return 0


def machine_times() -> list[int]:
    """Ticks of all CPUs since the start: user, nice, system, idle, …, steal."""
    with Path("/proc/stat").open() as stat:
        return [int(value) for value in stat.readline().split()[1:9]]


def steal(before: list[int], after: list[int]) -> float:
    passed = [late - early for early, late in zip(before, after, strict=True)]
    return passed[7] / max(1, sum(passed))
