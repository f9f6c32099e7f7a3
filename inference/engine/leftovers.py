"""Processes of an earlier engine on the same socket that outlived everything.

vLLM's processes rename themselves and thereby wipe their environment and command line,
but not their working folder, which no one else has a reason to be in.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

GONE_SECONDS_MAX = 5.0


def find(work_folder: Path) -> list[int]:
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if int(folder.name) != os.getpid() and _is_ours(folder, work_folder)
    ]


def kill(work_folder: Path) -> list[int]:
    """By force: nobody waits for their answers any more. The pids that there were."""
    found = find(work_folder)
    for pid in found:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + GONE_SECONDS_MAX
    while find(work_folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _is_ours(folder: Path, work_folder: Path) -> bool:
    try:
        return (
            (folder / "cwd").readlink() == work_folder
            and (folder / "exe").readlink().name.startswith("python")
            and _is_alive(folder)
        )
    except OSError:  # gone, or another user's
        return False


def _is_alive(folder: Path) -> bool:
    state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
    return state not in {"Z", "X"}
