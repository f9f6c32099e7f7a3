"""Processes that an earlier supervisor of this state folder left behind.

Every child carries the state folder in its environment under a name of ours, and its
own children inherit that. A pid alone proves nothing: it may belong to somebody else by
now. So the environment names the folder and the executable must be one that we start.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

MARK = "TOKENFAB_SUPERVISED_HOME"
PROGRAMS = ("python", "postgres", "valkey-server", "granian", "celery", "vllm")
GRACE_SECONDS = 5.0


def find(home: Path) -> list[int]:
    mark = f"{MARK}={home}".encode()
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if int(folder.name) != os.getpid() and _is_ours(folder, mark)
    ]


def stop(home: Path) -> list[int]:
    """Stops what is left, politely and then by force; the pids that there were.

    PostgreSQL gets SIGINT: its SIGTERM would wait for clients that are gone.
    """
    found = find(home)
    for pid in found:
        _send(pid, signal.SIGINT if _is_postgres(pid) else signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while (alive := find(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in alive:
        _send(pid, signal.SIGKILL)
    return found


def _is_ours(folder: Path, mark: bytes) -> bool:
    try:
        environment = (folder / "environ").read_bytes().split(b"\0")
        program = (folder / "exe").readlink().name
    except OSError:  # gone, or another user's
        return False
    return mark in environment and program.startswith(PROGRAMS)


def _is_postgres(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name.startswith("postgres")
    except OSError:
        return False


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
