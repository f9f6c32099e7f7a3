"""A PostgreSQL of its own, for tests that stop it."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg

from config.supervisor import postgres
from config.supervisor.ports import any_free_port

START_SECONDS_MAX = 60


class OwnPostgres:
    def __init__(self, home: Path) -> None:
        self._server = postgres.prepare(home, any_free_port())
        self._log = home / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = self._server.url

    def start(self) -> None:
        started = postgres.command(self._server)
        # The machine goes on while the server does not.
        started = replace(started, argv=(*started.argv, "-c", "fsync=off"))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                started.argv, stdout=log, stderr=log, **started.popen
            )
        started.close()
        self._wait(self._process)

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                return postgres.create_database(self.url)
            except psycopg.OperationalError:
                is_over = process.poll() is not None or time.monotonic() > deadline
                assert not is_over, self._log.read_text()[-2000:]
                time.sleep(0.05)  # it does not tell when it is ready

    def stop(self) -> None:
        """At once, as a crash would: what is under way is lost."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=20)
            self._process = None

    def ask(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, connect_timeout=5) as connection:
            return list(connection.execute(query))


@contextmanager
def own_postgres(home: Path) -> Iterator[OwnPostgres]:
    """Running, and without a table."""
    home.mkdir()
    server = OwnPostgres(home)
    try:
        server.start()
        yield server
    finally:
        server.stop()
