"""The store of the limits: whether it is there, which one it is, and its scripts."""

import logging
import time
from collections.abc import Callable

import hiredis

from metering.proxy import limit_scripts
from metering.proxy.limit_counts import LimitCounts
from metering.proxy.limit_scripts import Script, completed
from metering.proxy.valkey import Reply, Valkey, ValkeyUnavailableError

_log = logging.getLogger(__name__)
_UNAVAILABLE = ValkeyUnavailableError()
_COMPLAINT_SECONDS = 5.0


class Store:
    def __init__(
        self, valkey: Valkey, counts: LimitCounts, *, on_up: Callable[[], None]
    ) -> None:
        self._valkey, self._counts = valkey, counts
        self._on_up = on_up
        self.server = ""
        """Run id of the process behind the present connection; "" while it is away."""
        self._ahead_ms = 0
        self._complains_at = 0.0
        valkey.on_connected = self._greet
        valkey.on_lost = self._lose
        if valkey.is_connected:
            self._greet()

    @property
    def is_up(self) -> bool:
        """It has answered on the present connection."""
        return self.server != ""

    def complain(self, reply: hiredis.ReplyError) -> None:
        """Not for every call: a full Valkey refuses all."""
        now = time.monotonic()
        if now >= self._complains_at:
            self._complains_at = now + _COMPLAINT_SECONDS
            _log.error("a script of the limits failed: %s", reply)

    def now_ms(self) -> int:
        """By its clock, as far as it is known."""
        return int(time.time() * 1000) + self._ahead_ms

    def send(self, callback: Callable[[Reply], None], packed: bytes) -> None:
        self._valkey.send(callback, packed)

    def call(self, callback: Callable[[Reply], None], *arguments: str) -> None:
        self._valkey.call(callback, *arguments)

    def _greet(self) -> None:
        for script in limit_scripts.ALL:
            self._valkey.send(_ignore, script.load)
        self.compare_clocks()
        self._valkey.call(self._greeted, "INFO", "server")

    def _greeted(self, reply: Reply | ValkeyUnavailableError) -> None:
        if isinstance(reply, bytes):
            _, _, rest = reply.partition(b"\r\nrun_id:")
            self.server = rest.partition(b"\r\n")[0].decode()
            self._counts.is_up = True
            self._on_up()
        elif isinstance(reply, hiredis.ReplyError):
            _log.error("Valkey does not say who it is: %s", reply)

    def _lose(self) -> None:
        self._counts.outages += self.is_up
        self._counts.is_up = False
        self.server = ""

    def compare_clocks(self) -> None:
        self._valkey.call(self._compared, "TIME")

    def _compared(self, reply: Reply | ValkeyUnavailableError) -> None:
        if isinstance(reply, list):
            milliseconds = int(reply[0]) * 1000 + int(reply[1]) // 1000
            self._ahead_ms = milliseconds - int(time.time() * 1000)


def _ignore(reply: Reply) -> None:
    del reply


class Run:
    """One run of a script; `done` hears what it said. Slotted, since every call of the
    data plane makes some of these.
    """

    __slots__ = ("_has_loaded", "_packed", "_script", "store")

    def __init__(self, store: Store) -> None:
        self.store = store
        self._has_loaded = False

    def run(self, script: Script, prefix: bytes, ask: object) -> None:
        self._script = script
        self._packed = completed(prefix, ask)
        self.store.send(self, self._packed)

    def __call__(self, reply: Reply | ValkeyUnavailableError) -> None:
        if isinstance(reply, hiredis.ReplyError):
            if "NOSCRIPT" in str(reply) and not self._has_loaded:
                self._has_loaded = True
                self.store.send(_ignore, self._script.load)
                self.store.send(self, self._packed)
                return
            self.store.complain(reply)
            reply = _UNAVAILABLE
        self.done(reply)

    def done(self, reply: Reply | ValkeyUnavailableError) -> None:
        """Nobody waits for it."""
