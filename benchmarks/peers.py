"""The proxies that are measured beside ours: how each is installed and started.

Each gets one CPU and one process, forwards to the harness' engine, and has nothing
switched on that it can do without; `switched_on` says what is left. They write no log
of calls. Those of Python's package index live in a virtual environment of their own
each, made by `make bench-peers`.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from string import Template

from benchmarks import processes
from benchmarks.plane import Plane, Target, answers
from benchmarks.processes import Cpus
from config.supervisor.ports import any_free_port

FOLDER = Path(os.environ.get("PEERS") or "var/peers").absolute()
_CONFIGURATIONS = Path(__file__).parent / "peer_configurations"
_SECRET = "sk-peers-of-the-benchmark"  # noqa: S105 - answers on loopback, for minutes
_BOOT_SECONDS_MAX = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    name: str
    switched_on: str
    package: str | None = None
    """Requirement for pip; None: a package of the system."""
    arguments: str
    """`$port`, `$other_port`, `$engine_port`, `$folder` and `$configuration` are filled
    in."""
    configuration: str | None = None
    """File in peer_configurations/; `$socket` and `$secret` are filled in as well."""
    version_arguments: str = "--version"
    """Of a system package's program."""
    environment: Mapping[str, str] = field(default_factory=dict)
    health_path: str = "/health"
    clients_max: int | None = None
    streams_max: int | None = None
    """More would not end within a measurement."""
    extra_events: int = 0
    """That it adds to each stream."""

    @property
    def program(self) -> str | None:
        if self.package is None:
            return shutil.which(self.name)
        program = self.environment_folder / "bin" / self.name
        return str(program) if program.exists() else None

    @property
    def environment_folder(self) -> Path:
        return FOLDER / self.name

    def version(self) -> str:
        program = self.program or ""
        if self.package is not None:
            distribution = self.package.partition("==")[0].partition("[")[0]
            code = f"import importlib.metadata as m; print(m.version({distribution!r}))"
            argv = [str(self.environment_folder / "bin" / "python"), "-c", code]
        else:
            argv = [program, self.version_arguments]
        done = subprocess.run(
            argv,
            check=True,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        words = done.stdout.splitlines()[0].replace("/", " ").split()
        return next((word for word in words if word[0].isdigit()), "unknown")


PEERS = (
    Peer(
        name="nginx",
        switched_on="one worker, forwards to the engine's Unix socket",
        arguments="-p $folder -e error.log -c $configuration",
        configuration="nginx.conf",
        version_arguments="-v",
    ),
    Peer(
        name="haproxy",
        switched_on="one thread, forwards to the engine's Unix socket",
        arguments="-f $configuration",
        configuration="haproxy.cfg",
        version_arguments="-v",
    ),
    Peer(
        name="vllm-router",
        package="vllm-router==0.1.17",
        switched_on="round robin over one worker, over TCP; metrics, health checks",
        arguments="--host 127.0.0.1 --port $port --policy round_robin"
        " --worker-urls http://127.0.0.1:$engine_port --prometheus-port $other_port"
        " --log-level warning",
    ),
    Peer(
        name="sglang-router",
        package="sglang-router==0.3.2",
        switched_on="round robin over one worker, over TCP; metrics, health checks",
        arguments="launch --host 127.0.0.1 --port $port --policy round_robin"
        " --worker-urls http://127.0.0.1:$engine_port --prometheus-port $other_port"
        " --log-level warn",
    ),
    Peer(
        name="litellm",
        package="litellm[proxy]==1.106.2",
        switched_on="one key, cost by its table, over TCP; no database, limit, record",
        arguments="--config $configuration --host 127.0.0.1 --port $port"
        " --num_workers 1",
        configuration="litellm.yaml",
        environment={
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "NO_DOCS": "True",
        },
        health_path="/health/liveliness",
        clients_max=16,
        streams_max=4,
        extra_events=1,
    ),
)


@contextlib.contextmanager
def running(plane: Plane, cpus: Cpus) -> Iterator[tuple[list[Target], dict[str, str]]]:
    """Those that came up, and why each of the others is missing."""
    missing: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        begun: list[tuple[Peer, Target, subprocess.Popen[bytes]]] = []
        for peer in PEERS:
            if peer.program is None:
                missing[peer.name] = "not installed"
                continue
            target, process = _start(peer, plane, cpus)
            stack.callback(processes.stop, process)
            begun.append((peer, target, process))
        targets = []
        for peer, target, process in begun:
            if processes.comes_up(
                partial(answers, target.port, peer.health_path),
                process,
                seconds=_BOOT_SECONDS_MAX,
            ):
                targets.append(target)
            else:
                log = plane.home / f"{peer.name}.log"
                missing[peer.name] = f"did not start: {log.read_text()[-300:]}"
        yield targets, missing


def _start(
    peer: Peer, plane: Plane, cpus: Cpus
) -> tuple[Target, subprocess.Popen[bytes]]:
    folder, port = plane.home / peer.name, any_free_port()
    folder.mkdir()
    values = {
        "folder": str(folder),
        "port": str(port),
        "other_port": str(any_free_port()),
        "engine_port": str(plane.engine.port),
        "socket": str(plane.engine_socket),
        "secret": _SECRET,
    }
    if peer.configuration is not None:
        template = Template((_CONFIGURATIONS / peer.configuration).read_text())
        configuration = folder / peer.configuration
        configuration.write_text(template.substitute(values))
        values["configuration"] = str(configuration)
    process = processes.start(
        [peer.program or "", *Template(peer.arguments).substitute(values).split()],
        cpu=cpus.measured,
        log=plane.home / f"{peer.name}.log",
        environment={"HOME": str(folder), **peer.environment},
        folder=folder,
    )
    target = Target(
        name=peer.name,
        port=port,
        pids=(process.pid,),
        secret=_SECRET,
        clients_max=peer.clients_max,
        streams_max=peer.streams_max,
        extra_events=peer.extra_events,
    )
    return target, process
