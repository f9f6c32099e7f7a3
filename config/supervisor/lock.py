"""One supervisor per state folder.

The kernel holds the lock and lets go of it however the holder dies, so a stale file
locks nobody out. The pid in the file is for people and for `make down`; it is believed
only while the lock is held.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO


class AlreadyRunningError(Exception):
    """Another supervisor holds the folder."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"Tokenfab runs already, as pid {pid}; `make down` stops it.")
        self.pid = pid


@contextlib.contextmanager
def held(run: Path) -> Iterator[None]:
    """Raises AlreadyRunningError when another process holds the lock."""
    run.mkdir(parents=True, exist_ok=True)
    with _path(run).open("a+") as file:
        if not _is_taken(file):
            raise AlreadyRunningError(_written_pid(run))
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
        file.truncate(0)


def holder(run: Path) -> int | None:
    """The pid of the running supervisor, None when there is none."""
    try:
        with _path(run).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written_pid(run)
    except FileNotFoundError:
        return None
    return None


def _is_taken(file: IO[str]) -> bool:
    """Tries more than once: `holder` takes the lock for an instant to look at it."""
    for _ in range(5):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.05)
    return False


def _path(run: Path) -> Path:
    return run / "supervisor.lock"


def _written_pid(run: Path) -> int:
    """0 in the instant between taking the lock and writing the pid."""
    return int(_path(run).read_text().strip() or 0)
