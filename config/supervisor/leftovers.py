"""Processes that an earlier supervisor of this state folder left behind.

A pid alone proves nothing: it may belong to somebody else by now. So the executable
must be one that we start, and the state folder must be named: every child carries it in
its environment, and its own children inherit that. The databases overwrite their
environment to show a title; they are known by the data folder that they work in.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

MARK = "TOKENFAB_SUPERVISED_HOME"
PROGRAMS = ("python", "postgres", "valkey-server", "granian", "celery", "vllm")
GRACE_SECONDS = 5.0
DATABASE_FOLDERS = ("postgres/data", "valkey")


def find(home: Path) -> list[int]:
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if int(folder.name) != os.getpid() and _is_ours(folder, home)
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


def _is_ours(folder: Path, home: Path) -> bool:
    try:
        if not (folder / "exe").readlink().name.startswith(PROGRAMS):
            return False
        environment = (folder / "environ").read_bytes().split(b"\0")
        works_in = (folder / "cwd").readlink()
    except OSError:  # gone, or another user's
        return False
    databases = [(home / name).resolve() for name in DATABASE_FOLDERS]
    return f"{MARK}={home}".encode() in environment or works_in in databases


def _is_postgres(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name.startswith("postgres")
    except OSError:
        return False


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
