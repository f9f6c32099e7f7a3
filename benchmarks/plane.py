"""Proxies with everything on, and what they need: Valkey, snapshots, an engine.

The control plane is left out: `control_plane.py` writes what it would publish.
"""

import contextlib
import http.client
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import processes
from benchmarks.control_plane import SNAPSHOT_KEY, ControlPlane, Key, make_key
from benchmarks.processes import Cpus
from config import compiled
from config.supervisor import valkey
from config.supervisor.ports import any_free_port
from metering.domain import journal_format

CHUNKS_PER_STREAM = 100
CHUNK_INTERVAL_US = 10_000
HARNESS = Path(__file__).parent / "harness"
PROXY = ("-m", "metering.proxy.main")
ENGINE = "engine alone"
OURS = "Tokenfab"
OURS_WITH_MONEY = "Tokenfab, money"
_MONEY_TENANT_ID = 2
_TRIES_ON_A_SHARED_PORT = 20
"""The kernel chooses who answers: so many, and the new one was among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that answers chat completions on a port of this machine."""

    name: str
    port: int
    pids: tuple[int, ...]
    """Whose trees are measured."""
    secret: str
    clients_max: int | None = None
    streams_max: int | None = None
    extra_events: int = 0
    """That it adds to each stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """One proxy process."""

    port: int
    index: int
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    home: Path
    control: ControlPlane
    valkey_url: str
    valkey_pid: int
    engine: Target
    engine_socket: Path

    def journal(self, proxy: Proxy) -> Path:
        return self.home / "journal" / str(proxy.index)

    def event_ids(self, proxies: Sequence[Proxy]) -> list[str]:
        """Of all usage events in the proxies' journals; complete once they ended."""
        return [
            event_id
            for proxy in proxies
            for segment in sorted(self.journal(proxy).glob("*.journal"))
            for event_id in event_ids(segment)
        ]


def event_ids(segment: Path) -> list[str]:
    """The second element of each event; decoding all of them would take far longer."""
    return [
        record.payload.split(b'"', 2)[1].decode()
        for record in journal_format.unpack(segment.read_bytes())
    ]


def bench_keys() -> tuple[Key, Key]:
    """One with all rate limits, one of a prepaid tenant with spend limits as well."""
    return (
        make_key(1, tenant_id=1),
        make_key(2, tenant_id=_MONEY_TENANT_ID, has_money_limits=True),
    )


def targets_of(proxy: Proxy, keys: tuple[Key, Key]) -> list[Target]:
    return [
        Target(name=name, port=proxy.port, pids=(proxy.pid,), secret=key.secret)
        for name, key in zip((OURS, OURS_WITH_MONEY), keys, strict=True)
    ]


@contextlib.contextmanager
def running_plane(home: Path, cpus: Cpus, *, keys: Sequence[Key]) -> Iterator[Plane]:
    """Valkey with all that the control plane would publish, and the engine."""
    with contextlib.ExitStack() as stack:
        valkey_url, valkey_pid = _start_valkey(home, cpus, stack)
        engine, engine_socket = _start_engine(home, cpus, stack)
        control = ControlPlane(valkey_url)
        stack.callback(control.close)
        control.publish_route(engine_socket)
        control.publish_price()
        control.publish_keys(keys)
        for tenant_id in {k.policy.tenant_id for k in keys if k.policy.is_prepaid}:
            control.grant_credit(tenant_id)
        yield Plane(
            home=home,
            control=control,
            valkey_url=valkey_url,
            valkey_pid=valkey_pid,
            engine=engine,
            engine_socket=engine_socket,
        )


def _start_valkey(
    home: Path, cpus: Cpus, stack: contextlib.ExitStack
) -> tuple[str, int]:
    os.environ["TOKENFAB_HOME"] = str(home)  # its password is made there
    server = valkey.prepare(home, any_free_port())
    command, log = valkey.command(server), home / "valkey.log"
    process = processes.start(command.argv, cpu=cpus.valkey, log=log)
    stack.callback(processes.stop, process)

    def is_up() -> bool:
        try:
            valkey.ping(server.url)
        except OSError:
            return False
        return True

    processes.wait_until(is_up, process, log)
    return server.url, process.pid


def _start_engine(
    home: Path, cpus: Cpus, stack: contextlib.ExitStack
) -> tuple[Target, Path]:
    """The engine of the harness, on a socket and, to be called directly, on a port."""
    path, port, log = home / "engine.sock", any_free_port(), home / "engine.log"
    numbers = (port, CHUNK_INTERVAL_US, CHUNKS_PER_STREAM)
    process = processes.start(
        [str(HARNESS / "build" / "engine"), str(path), *map(str, numbers)],
        cpu=cpus.load,
        log=log,
    )
    stack.callback(processes.stop, process)
    processes.wait_until(lambda: answers(port, "/health"), process, log)
    target = Target(name=ENGINE, port=port, pids=(process.pid,), secret="none")  # noqa: S106
    return target, path


@contextlib.contextmanager
def running_proxy(
    plane: Plane,
    *,
    cpu: int,
    index: int = 0,
    port: int | None = None,
    program: Sequence[str] = PROXY,
    environment: Mapping[str, str] | None = None,
) -> Iterator[Proxy]:
    """Ready; several may share a port. `program` is what Python is told to run."""
    tries = 1 if port is None else _TRIES_ON_A_SHARED_PORT
    port = port or any_free_port()
    log = plane.home / f"proxy-{index}.log"
    process = processes.start(
        [sys.executable, *program],
        cpu=cpu,
        log=log,
        folder=compiled.folder_to_run() if program == PROXY else None,
        environment={
            "PROXY_PORT": str(port),
            "PROXY_INDEX": str(index),
            "TOKENFAB_HOME": str(plane.home),
            "VALKEY_URL": plane.valkey_url,
            "SNAPSHOT_KEY": SNAPSHOT_KEY,
            "ENGINE_KEY": "engine-key-of-the-benchmark",
            **(environment or {}),
        },
    )

    def is_up() -> bool:
        return b"listening on" in log.read_bytes() and all(
            answers(port, "/readyz") for _ in range(tries)
        )

    try:
        processes.wait_until(is_up, process, log)
        yield Proxy(port=port, index=index, process=process)
    finally:
        processes.stop(process)


def answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
