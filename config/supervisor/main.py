"""`manage.py up`, `down`, `status` and `logs`, without Django.

They work while no server runs, and while the disk is too full for settings to load.
"""

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from config import environment
from config.supervisor import leftovers, lock, state_files, terminal
from config.supervisor.console import Console
from config.supervisor.follow import follow
from config.supervisor.plan import CannotStartError, make_plan
from config.supervisor.ports import NoFreePortError
from config.supervisor.status import status_lines
from config.supervisor.supervisor import run

COMMANDS = ("up", "down", "status", "logs")
DOWN_SECONDS_MAX = 20.0


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="manage.py")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("name", nargs="?", default="all", help="logs: one process")
    given = parser.parse_args(arguments)
    try:
        if given.command == "logs":
            return logs(given.name)
        return {"up": up, "down": down, "status": status}[given.command]()
    except KeyboardInterrupt:
        return 0


def up() -> int:
    home = environment.home()
    # Children run in the checkout: a relative path would mean another place there.
    os.environ["TOKENFAB_HOME"] = str(home)
    try:
        _make_folders(home)
        with lock.held(home / "run"), terminal.of_our_own():
            return _up(home)
    except (lock.AlreadyRunningError, CannotStartError, NoFreePortError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename or home}: {error.strerror or error}.")


def down() -> int:
    folder = environment.home() / "run"
    pid = lock.holder(folder)
    if pid is None:
        print("Tokenfab is not running.")  # noqa: T201  a command speaks so
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS_MAX
    while lock.holder(folder) is not None:
        if time.monotonic() > deadline:
            return _refuse(f"Pid {pid} has not stopped in {DOWN_SECONDS_MAX:g} s.")
        time.sleep(0.1)
    print("Tokenfab has stopped.")  # noqa: T201
    return 0


def status() -> int:
    """0 when it runs, 1 when it does not."""
    folder = environment.home() / "run"
    pid = lock.holder(folder)
    for line in status_lines(folder, pid):
        print(line)  # noqa: T201
    return 0 if pid else 1


def logs(name: str) -> int:
    path = environment.home() / "log" / f"{name}.log"
    if not path.exists():
        return _refuse(f"There is no {path}.")
    follow(path, sys.stdout)
    return 0


def _up(home: Path) -> int:
    columns = shutil.get_terminal_size((100, 24)).columns
    console = Console(sys.stdout, home / "log", columns=columns)
    state_files.forget(home / "run")  # a killed supervisor's claims are void
    if stopped := leftovers.stop(home):
        pids = ", ".join(map(str, stopped))
        console.line("tokenfab", f"stopped what an earlier run left behind: {pids}")
    plan = make_plan(home, os.environ)
    for remark in plan.remarks:
        console.line("tokenfab", remark)
    console.line("tokenfab", f"starting below {home}; Ctrl-C stops")
    try:
        return run(plan, console)
    finally:
        console.close()


def _make_folders(home: Path) -> None:
    """Others must reach nothing below the state folder but embedded PostgreSQL."""
    for name in ("run", "log", "mail", "journal", "snapshots", "static"):
        (home / name).mkdir(parents=True, exist_ok=True, mode=0o700)


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
