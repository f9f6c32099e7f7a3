"""The limits' scripts with a clock that the test sets, and Valkeys to be killed."""

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import redis

from config.supervisor import valkey as supervised
from config.supervisor.ports import any_free_port
from metering.domain.limits import Bounds
from metering.proxy import limit_scripts

CLOCK = "test:clock"
_TIME = "redis.call('TIME')"
_TEST_TIME = f"redis.call('HMGET', '{CLOCK}', 'seconds', 'microseconds')"


class Scripts:
    """The production text but for one expression: the time comes from a key."""

    def __init__(self, valkey: redis.Redis) -> None:
        self.valkey = valkey
        for script in limit_scripts.ALL:
            assert script.text.decode().count(_TIME) <= 1
        texts = (
            one.text.decode().replace(_TIME, _TEST_TIME) for one in limit_scripts.ALL
        )
        names = ("hold", "settle", "spend", "renew", "sweep")
        self._scripts = {
            name: valkey.register_script(text)
            for name, text in zip(names, texts, strict=True)
        }
        self.now_ms = 1_800_000_000_000
        self.set_clock(self.now_ms)

    def set_clock(self, now_ms: int) -> None:
        self.now_ms = now_ms
        clock: dict[Any, Any] = {
            "seconds": now_ms // 1000,
            "microseconds": now_ms % 1000 * 1000,
        }
        self.valkey.hset(CLOCK, mapping=clock)

    def advance(self, milliseconds: int) -> None:
        self.set_clock(self.now_ms + milliseconds)

    def run(self, name: str, keys: list[str], *arguments: Any) -> Any:
        packed = [msgspec.msgpack.encode(one) for one in arguments]
        return self._scripts[name](keys, packed)


class Limited:
    """The hold and settle scripts over given limits, as a plan would call them."""

    def __init__(self, scripts: Scripts, bounds: Bounds, *, processes: int = 1) -> None:
        self.scripts = scripts
        windows, counters, running = bounds
        self.names = [name for name, _ in (*windows, *counters, *running)]
        amounts = [a for _, triple in windows for a in triple]
        amounts += [amount for _, amount in (*counters, *running)]
        keeps = [1000] * len(counters)
        sizes = (len(windows), len(counters))
        self._fixed = (*sizes, len(running), processes, amounts, keeps, 0)
        self._settle_fixed = (*sizes, keeps)

    def hold(
        self,
        least: int = 0,
        most: int | None = None,
        *,
        requests: int = 1,
        images: int = 0,
        call_id: str = "x",
        returned: Any = 0,
        wanted: Any = 0,
        previous: Any = 0,
        places: Sequence[str] = (),
    ) -> list[int]:
        most = least if most is None else most
        ask = (requests, least, most, images, call_id, returned, wanted, previous)
        money = (0, 0, "", 15_000, places)
        answer: list[int] = self.scripts.run(
            "hold", self.names, self._fixed, (*ask, *money)
        )
        return answer

    def settle(
        self,
        *entries: tuple[int, ...],
        requests: int = 0,
        places: Sequence[str] = (),
        returned: Any = 0,
    ) -> int:
        ask = (entries, requests, places, returned)
        bucket: int = self.scripts.run("settle", self.names, self._settle_fixed, ask)
        return bucket


class OwnValkey:
    """A server that the test may stop, kill and start again, with what it kept."""

    def __init__(self, home: Path) -> None:
        self._server = supervised.prepare(home, any_free_port())
        self.url = self._server.url
        self.client = redis.Redis.from_url(self.url, socket_timeout=5)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = supervised.command(self._server)
        self._process = subprocess.Popen(
            command.argv, stdout=subprocess.DEVNULL, **command.popen
        )
        deadline = time.monotonic() + 15
        while True:
            try:
                supervised.ping(self.url)
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self.client.close()
        if self._process is not None and self._process.poll() is None:
            self.go_on()
            self.kill()


@contextmanager
def own_valkey() -> Iterator[OwnValkey]:
    with tempfile.TemporaryDirectory(prefix="tf-valkey") as home:
        server = OwnValkey(Path(home))
        server.start()
        try:
            yield server
        finally:
            server.stop()
