"""What must be as before once nobody calls any more."""

from collections import Counter
from functools import partial
from pathlib import Path

from tests.metering.proxy.conftest import Plane, until

_NEVER_LOGGED = ("Traceback", "Fatal error", "Exception in", "never retrieved")


class Quiet:
    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        (self._proxy,) = [
            one for one in plane.processes if "metering.proxy.main" in str(one.args)
        ]
        self._resident_kib = self._resident()
        self._connections = plane.metric("tokenfab_proxy_client_connections")

    def _resident(self) -> int:
        status = Path(f"/proc/{self._proxy.pid}/status").read_text()
        line = next(one for one in status.splitlines() if one.startswith("VmRSS"))
        return int(line.split()[1])

    def _is(self, metric: str, value: float) -> bool:
        return self._plane.metric(metric) == value

    def check(self, seen: Counter[str], *, memory_kib_max: int) -> None:
        """The same process, nothing left in it, and no word of a bug in its log."""
        plane = self._plane
        assert self._proxy.poll() is None, plane.log("proxy")[-5000:]
        log = plane.log("proxy")
        for mark in _NEVER_LOGGED:
            at = log.find(mark)
            assert at < 0, log[max(0, at - 2000) : at + 3000]
        for name, value in (
            ("calls_in_flight", 0),
            ("client_connections", self._connections),
            ("buffered_body_bytes", 0),
            ("answers_held", 0),
        ):
            until(partial(self._is, f"tokenfab_proxy_{name}", value))
        grown = self._resident() - self._resident_kib
        seen["KiB grown"] = grown
        assert grown < memory_kib_max, grown
