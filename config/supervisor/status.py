"""What `make status` shows."""

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
    return [
        f"{'process':<26}{'state':<12}{'pid':>8}{'memory':>10}{'restarts':>10}",
        *(
            f"{name:<26}{state:<12}{pid or '':>8}{_memory(pid):>10}{restarts:>10}"
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


def _memory(pid: int | None) -> str:
    """Resident memory of the process itself, without its own children."""
    if pid is None:
        return ""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return f"{int(line.split()[1]) // 1024} MB"
    except OSError:
        pass
    return ""
