"""What `make status` shows."""

import contextlib
import os
from pathlib import Path

from config.supervisor import progress, state_files


def status_lines(run: Path, supervisor_pid: int | None) -> list[str]:
    if supervisor_pid is None:
        return [f"Tokenfab is not running on {run.parent}; `make up` starts it."]
    processes = state_files.read(run / state_files.PROCESSES).get("processes", {})
    rows = [("supervisor", "ready", supervisor_pid, 0)] + [
        (name, row["state"], row["pid"], row["restarts"])
        for name, row in processes.items()
    ]
    family = _processes_by_parent()
    family.pop(supervisor_pid, None)  # its children have rows of their own
    return [
        f"{'process':<26}{'state':<12}{'pid':>8}{'memory':>10}{'restarts':>10}",
        *(
            f"{name:<26}{state:<12}{pid or '':>8}"
            f"{_memory(pid, family):>10}{restarts:>10}"
            for name, state, pid, restarts in rows
        ),
        "",
        *_places(run),
    ]


def _places(run: Path) -> list[str]:
    places = state_files.read(run / state_files.ENDPOINTS)
    engine = state_files.read(run / state_files.PROGRESS)
    lines = ["portal     not up yet"]
    if places:
        lines = [f"portal     {places['portal']}", f"api        {places['api']}/v1"]
    return [*lines, f"engine     {progress.sentence(engine)}"] if engine else lines


def _memory(pid: int | None, family: dict[int, list[int]]) -> str:
    """Resident memory of the process and all that it started."""
    if pid is None:
        return ""
    pages = 0
    todo = [pid]
    while todo:
        member = todo.pop()
        todo += family.get(member, [])
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{member}/statm").read_text().split()[1])
    return f"{pages * os.sysconf('SC_PAGE_SIZE') // 1_000_000} MB"


def _processes_by_parent() -> dict[int, list[int]]:
    """Of all processes that can be seen."""
    family: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name may hold blanks and brackets; what follows the last one is fixed.
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            family.setdefault(parent, []).append(int(path.parent.name))
    return family
