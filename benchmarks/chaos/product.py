"""A whole Tokenfab as a user starts it, in a state folder of its own."""

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

START_SECONDS_MAX = 120.0
# What the run decides itself, whatever stands in the environment of who starts it.
_DECIDED = {
    *("DATABASE_URL", "VALKEY_URL", "TOKENFAB_HOME", "DJANGO_SETTINGS_MODULE"),
    *("PORT", "ENGINE", "ENGINE_URLS", "PORTAL_URL", "API_URL", "MAKELEVEL"),
}
_STEPS = ("set_default_price", "operator_login")
SERVICES = (
    *("proxy-0", "proxy-1", "shipper", "money", "leases", "tasks"),
    *("web", "valkey", "postgres", "engine"),
)


class NotUpError(Exception):
    """It did not come up, or something of it did not; the message says what."""


class Product:
    """`manage.py up`, started again whenever it was killed; `clean_up` at the end."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.output = home.with_name(f"{home.name}.out")
        # Below the ports of outgoing connections, one of which may lie in the way.
        start = random.SystemRandom().randrange(20_000, 30_000)
        self.environment = {
            **{k: v for k, v in os.environ.items() if k not in _DECIDED},
            "TOKENFAB_HOME": str(home),
            "PORT": str(ports.next_free_port(start)),
            "ENGINE": "simulator",
            "PROXY_PROCESSES": "2",
            # Slow enough that calls are in flight when something dies.
            "SIMULATOR_TOKENS_PER_SECOND": "100",
        }
        self.process = self._start()

    def start_again(self) -> None:
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.output.open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=REPOSITORY,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def wait_until_up(self) -> None:
        """Raises NotUpError."""
        self.wait_until(
            lambda: (
                self._endpoints().get("pids", {}).get("supervisor") == self.process.pid
                and all(self.is_ready(name) for name in (*SERVICES, *_STEPS))
            ),
            what="everything is ready",
        )

    def is_ready(self, name: str) -> bool:
        return self.process_of(name)["state"] in {"ready", "done"}

    def has_given_up(self, name: str) -> bool:
        return bool(self.process_of(name)["state"] == "given up")

    def process_of(self, name: str) -> dict[str, Any]:
        """`state` and `pid`, as `make status` shows them."""
        none = {"state": "", "pid": None}
        found: dict[str, Any] = _read(self.home / "run/processes.json")
        return dict(found.get("processes", {}).get(name, none))

    @property
    def api_url(self) -> str:
        """Empty while it is not known."""
        return str(self._endpoints().get("api", ""))

    @property
    def services(self) -> dict[str, str]:
        """DATABASE_URL and VALKEY_URL of the present run."""
        return _read(self.home / "run/services.json")

    def _endpoints(self) -> dict[str, Any]:
        return _read(self.home / "run/endpoints.json")

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command in a second terminal; it may fail while something is down."""
        environment = {k: v for k, v in self.environment.items() if k != "PORT"}
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            timeout=START_SECONDS_MAX,
            check=False,
        )

    def kill(self, name: str) -> bool:
        """SIGKILL to one process by its pid; False when it is not there."""
        if name == "supervisor":
            self.process.kill()
            self.process.wait()
            return True
        pid = self.process_of(name)["pid"]
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def stop(self) -> None:
        """As Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(timeout=60)

    def clean_up(self) -> None:
        """Nothing of it runs afterwards."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        leftovers.stop(self.home)

    def wait_until(
        self,
        is_so: Callable[[], bool],
        *,
        what: str,
        seconds: float = START_SECONDS_MAX,
    ) -> None:
        """Raises NotUpError when it does not become so, or the supervisor ends."""
        deadline = time.monotonic() + seconds
        while not is_so():
            if self.process.poll() is not None:
                raise NotUpError(f"Tokenfab ended:\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise NotUpError(f"Not in {seconds:g} s: {what}.\n{self.last_words()}")
            time.sleep(0.05)

    def last_words(self) -> str:
        return self.output.read_text(errors="replace")[-4000:]


def _read(path: Path) -> dict[str, Any]:
    """Empty while the file is not there."""
    try:
        return dict(json.loads(path.read_text()))
    except (FileNotFoundError, ValueError):
        return {}
