"""A whole Tokenfab, started as a user would start it, in a state folder of its own."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from config.environment import REPOSITORY
from config.supervisor import leftovers, ports

START_SECONDS_MAX = 90.0
# What the test run has set for itself, and a user has not.
OF_THE_TEST_RUN = {
    *("DATABASE_URL", "VALKEY_URL", "TOKENFAB_HOME", "DJANGO_SETTINGS_MODULE"),
    *("PORT", "ENGINE", "ENGINE_URLS", "PORTAL_URL", "API_URL", "MAKELEVEL"),
}


class RunningTokenfab:
    """`manage.py up`; `stop` it, or end the test with `clean_up`."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.output = home.with_name(f"{home.name}.out")
        self.environment = clean_environment(home, **environment)
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def wait_until_up(self) -> dict[str, Any]:
        """The contents of endpoints.json, once this run has written it."""
        self.wait_until(
            lambda: self.endpoints()["pids"]["supervisor"] == self.process.pid
        )
        return self.endpoints()

    def endpoints(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.home / "run/endpoints.json").read_text()))
        except FileNotFoundError:
            return {"pids": {"supervisor": None}}

    def wait_until_ready(self, *names: str) -> None:
        self.wait_until(
            lambda: all(self.state(name) in {"ready", "done"} for name in names)
        )

    def state(self, name: str) -> str:
        """As `make status` shows it; empty before the process is known."""
        path = self.home / "run" / "processes.json"
        try:
            processes = json.loads(path.read_text())["processes"]
        except FileNotFoundError:
            return ""
        return str(processes.get(name, {}).get("state", ""))

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command in a second terminal; it finds the servers by the state folder."""
        return run_manage(*arguments, environment=self.environment)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Exit status of the supervisor."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def survivors(self) -> list[int]:
        return leftovers.find(self.home)

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        leftovers.stop(self.home)

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not is_so():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(self.output.read_text()[-5000:])
            time.sleep(0.05)


def own_port() -> str:
    """For one that may start beside another: both would find the next free port after
    the usual one. Below the ports of outgoing connections.
    """
    return str(ports.next_free_port(random.SystemRandom().randrange(20_000, 30_000)))


def clean_environment(home: Path, **environment: str) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if k not in OF_THE_TEST_RUN}
    return inherited | {"TOKENFAB_HOME": str(home)} | environment


def run_manage(
    *arguments: str, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
