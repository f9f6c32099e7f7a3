"""Programs pinned to a CPU, and what they cost."""

import os
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


def choose_cpus() -> Cpus:
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) == 1:
        print("Only one CPU: everything shares it, so only CPU time is worth reading.")
    first, second, third = (allowed * 3)[:3] if len(allowed) < 3 else allowed[:3]
    return Cpus(
        measured=first, load=second, valkey=third if len(allowed) > 2 else second
    )


def start(
    argv: Sequence[str],
    *,
    cpu: int,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """The pid is the program's own: taskset replaces itself by it."""
    with log.open("ab") as output:
        return subprocess.Popen(
            ["taskset", "-c", str(cpu), *argv],
            stdout=output,
            stderr=output,
            env={"PATH": os.environ["PATH"], **(environment or {})},
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until(
    is_up: Callable[[], bool], process: subprocess.Popen[bytes], log: Path
) -> None:
    """Ends the benchmark with the program's last words when it does not come up."""
    deadline = time.monotonic() + _START_SECONDS_MAX
    while not is_up():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"{log.stem} did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.02)


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process."""
    text = Path(f"/proc/{pid}/stat").read_text()
    fields = text[text.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)
