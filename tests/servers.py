"""The real servers that the tests use.

A given `DATABASE_URL` is used, in a database of its own. Valkey is always ours: tests
empty it, so they never touch one that somebody else uses. State lies in a folder that
goes away with the run. All this happens while conftest.py is being imported, because
Django's settings read the environment once.

In a parallel run this happens in the controller and again in each worker, which has the
controller's environment: the workers share its PostgreSQL, in databases of their own,
and have a Valkey and a folder each.
"""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg

from config.supervisor import postgres, valkey
from config.supervisor.command import Command
from config.supervisor.ports import any_free_port

START_SECONDS_MAX = 60


def start_servers() -> None:
    folder = tempfile.mkdtemp(prefix="tokenfab-test-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["TOKENFAB_HOME"] = folder
    if not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = _start_postgres(Path(folder))
    os.environ["VALKEY_URL"] = _start_valkey(Path(folder))


def _start_postgres(home: Path) -> str:
    server = postgres.prepare(home, any_free_port())
    started = postgres.command(server)
    # A test run need not outlive a power cut.
    started = replace(started, argv=(*started.argv, "-c", "fsync=off"))
    process = _start(started, home / "postgres.log", signal.SIGINT)
    started.close()
    _wait(process, lambda: postgres.create_database(server.url), home / "postgres.log")
    return server.url


def _start_valkey(home: Path) -> str:
    server = valkey.prepare(home, any_free_port())
    process = _start(valkey.command(server), home / "valkey.log", signal.SIGTERM)
    _wait(process, lambda: valkey.ping(server.url), home / "valkey.log")
    return server.url


def _start(
    command: Command, log: Path, stop_signal: signal.Signals
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command.argv, stdout=output, stderr=output, **command.popen
        )

    def stop() -> None:
        process.send_signal(stop_signal)
        process.wait(timeout=10)

    atexit.register(stop)
    return process


def _wait(
    process: subprocess.Popen[bytes], probe: Callable[[], None], log: Path
) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while True:
        try:
            return probe()
        except (OSError, psycopg.OperationalError):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"A test server did not start: {log.read_text()[-2000:]}")
            time.sleep(0.05)
