"""A proxy with everything on, and what it needs: Valkey, snapshots, an engine.

The control plane is left out: the snapshots that it would publish are written here.
"""

import contextlib
import http.client
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

import msgspec
import redis

from benchmarks import processes
from benchmarks.processes import Cpus
from config.supervisor import valkey
from config.supervisor.ports import any_free_port
from inference import wire as inference_wire
from inference.wire import EngineAddress, Route, Task
from metering import wire as metering_wire
from metering.domain import journal_format
from metering.wire import PriceVector
from tenants import wire as tenants_wire
from tenants.domain import api_keys, snapshot
from tenants.wire import KeyPolicy, LimitKind, RateLimit, Scope

MODEL = "bench"
CHUNKS_PER_STREAM = 100
CHUNK_INTERVAL_US = 10_000
HARNESS = Path(__file__).parent / "harness"
_SNAPSHOT_KEY = "snapshot-key-of-the-benchmark"
_NEVER_REACHED = 1_000_000_000
"""A limit: it is counted exactly and refuses nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that answers chat completions on a port of this machine."""

    name: str
    port: int
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    home: Path
    secret: str
    """The API key that every call is made with."""
    engine: Target
    engine_socket: Path
    proxy: Target
    proxy_process: subprocess.Popen[bytes]

    def stop_proxy(self) -> None:
        """Everything that it recorded is in the journal then."""
        processes.stop(self.proxy_process)

    def journal_events(self) -> int:
        segments = (self.home / "journal" / "0").glob("*.journal")
        return sum(
            1
            for segment in segments
            for _ in journal_format.unpack(segment.read_bytes())
        )


@contextlib.contextmanager
def running_plane(home: Path, cpus: Cpus) -> Iterator[Plane]:
    with contextlib.ExitStack() as stack:
        valkey_url = _start_valkey(home, cpus, stack)
        engine, engine_socket = _start_engine(home, cpus, stack)
        secret = _publish(valkey_url, engine_socket)
        process, port = _start_proxy(home, valkey_url, cpus, stack)
        yield Plane(
            home=home,
            secret=secret,
            engine=engine,
            engine_socket=engine_socket,
            proxy=Target(name="Tokenfab", port=port, pid=process.pid),
            proxy_process=process,
        )


def _start_valkey(home: Path, cpus: Cpus, stack: contextlib.ExitStack) -> str:
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
    return server.url


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
    return Target(name="engine alone", port=port, pid=process.pid), path


def _start_proxy(
    home: Path, valkey_url: str, cpus: Cpus, stack: contextlib.ExitStack
) -> tuple[subprocess.Popen[bytes], int]:
    port, log = any_free_port(), home / "proxy.log"
    process = processes.start(
        [sys.executable, "-m", "metering.proxy.main"],
        cpu=cpus.measured,
        log=log,
        environment={
            "PROXY_PORT": str(port),
            "TOKENFAB_HOME": str(home),
            "VALKEY_URL": valkey_url,
            "SNAPSHOT_KEY": _SNAPSHOT_KEY,
            "ENGINE_KEY": "engine-key-of-the-benchmark",
        },
    )
    stack.callback(processes.stop, process)
    processes.wait_until(lambda: answers(port, "/readyz"), process, log)
    return process, port


@contextlib.contextmanager
def running_nginx(plane: Plane, cpus: Cpus) -> Iterator[Target | None]:
    """None: it is not installed."""
    program = shutil.which("nginx")
    if program is None:
        yield None
        return
    folder, port, log = plane.home / "nginx", any_free_port(), plane.home / "nginx.log"
    folder.mkdir()
    template = Template((Path(__file__).parent / "nginx.conf").read_text())
    configuration = folder / "nginx.conf"
    configuration.write_text(template.substitute(socket=plane.engine_socket, port=port))
    argv = [program, "-p", str(folder), "-e", "error.log", "-c", str(configuration)]
    process = processes.start(argv, cpu=cpus.measured, log=log)
    try:
        processes.wait_until(lambda: answers(port, "/health"), process, log)
        yield Target(name="nginx", port=port, pid=process.pid)
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


def _publish(valkey_url: str, engine_socket: Path) -> str:
    """Puts all three snapshots where the proxy looks, and returns the API key."""
    secret = api_keys.make("live")
    with redis.Redis.from_url(valkey_url, db=0) as client:
        for kind, item in (
            (tenants_wire.SNAPSHOT_KIND, _policy(secret)),
            (inference_wire.SNAPSHOT_KIND, _route(engine_socket)),
            (metering_wire.SNAPSHOT_KIND, _price()),
        ):
            client.set(snapshot.valkey_key(kind), _signed(kind, item))
            client.set(snapshot.valkey_version_key(kind), 1)
    return secret


def _signed(kind: str, item: msgspec.Struct) -> bytes:
    now = time.time()
    document = {
        "kind": kind,
        "version": 1,
        "issued_at": now,
        "expires_at": now + 3600,
        "items": [item],
    }
    return snapshot.sign(msgspec.json.encode(document), secret=_SNAPSHOT_KEY.encode())


def _policy(secret: str) -> KeyPolicy:
    return KeyPolicy(
        api_key_id=1,
        tenant_id=1,
        project_id=1,
        digest=api_keys.digest(secret).hex(),
        state="active",
        expires_at=None,
        allowed_models=None,
        rate_limits=tuple(
            RateLimit(scope=Scope.KEY, kind=kind, model=None, amount=_NEVER_REACHED)
            for kind in (LimitKind.REQUESTS_PER_MINUTE, LimitKind.TOKENS_PER_MINUTE)
        ),
        spend_limits=(),
        is_prepaid=False,
        are_cached_tokens_limited=False,
        refuses_without_limiter=False,
        cache_salt="salt-of-the-benchmark",
    )


def _route(engine_socket: Path) -> Route:
    address = EngineAddress(engine_id=1, name="bench", address=f"unix:{engine_socket}")
    return Route(
        model=MODEL,
        is_default=True,
        context_tokens=4096,
        created_at=1_790_000_000,
        engines=(address,),
        task=Task.GENERATE,
        tokenizer_folder=None,
    )


def _price() -> PriceVector:
    return PriceVector(
        price_version_id=1,
        model=MODEL,
        new_input_nano_usd_per_million=100_000_000,
        cached_input_nano_usd_per_million=20_000_000,
        output_nano_usd_per_million=400_000_000,
        image_nano_usd_per_million=None,
        effective_from=0,
        effective_to=None,
    )
