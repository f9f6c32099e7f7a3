"""What this start will do: decided once, before any process runs."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from config import environment
from config.supervisor import ports, postgres, valkey
from config.supervisor.leftovers import MARK

PORTAL_PORT = 8000
FREE_BYTES_MIN = 500_000_000
# sun_path of a unix socket address holds 108 bytes, with the closing zero.
SOCKET_PATH_BYTES_MAX = 107
FEW_CORES = 2


class CannotStartError(Exception):
    """The start is impossible; the message is one sentence for the operator."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    home: Path
    portal_port: int
    api_port: int
    portal_url: str
    api_url: str
    postgres: postgres.EmbeddedPostgres | None
    """None: DATABASE_URL names a server that somebody else runs."""
    valkey: valkey.EmbeddedValkey | None
    database_url: str
    valkey_url: str
    engine: str
    """`vllm`, `simulator`, or `given` when ENGINE_URLS names engines."""
    engine_urls: str
    engine_socket: Path
    proxy_count: int
    remarks: tuple[str, ...]
    """What the operator should know although the start goes on."""

    @property
    def run(self) -> Path:
        return self.home / "run"

    @property
    def has_mailbox(self) -> bool:
        return not environment.value("EMAIL_URL")

    def services(self) -> dict[str, str]:
        """Environment of every child, and of `manage.py …` in a second terminal."""
        engine = {"ENGINE_URLS": self.engine_urls} if self.engine == "given" else {}
        return {
            "DATABASE_URL": self.database_url,
            "VALKEY_URL": self.valkey_url,
            "PORTAL_URL": self.portal_url,
            "API_URL": self.api_url,
            "PROXY_URL": f"http://127.0.0.1:{self.api_port}",
            "ENGINE": self.engine,
            "ENGINE_SOCKET": str(self.engine_socket),
            **engine,
        }

    def child_environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.services(),
            "TOKENFAB_HOME": str(self.home),
            MARK: str(self.home),
            "PYTHONUNBUFFERED": "1",
        }


def make_plan(home: Path, given: Mapping[str, str]) -> Plan:
    """Raises CannotStartError when the disk is full, or PORT is taken or no number."""
    _check_disk(home)
    portal_port, remark = _portal_port(given.get("PORT", ""))
    api_port = ports.next_free_port(portal_port + 1)
    own_postgres = None if _value("DATABASE_URL") else _postgres(home)
    own_valkey = None if _value("VALKEY_URL") else _valkey(home)
    engine_urls = _value("ENGINE_URLS")
    return Plan(
        home=home,
        portal_port=portal_port,
        api_port=api_port,
        portal_url=_value("PORTAL_URL") or f"http://127.0.0.1:{portal_port}",
        api_url=_value("API_URL") or f"http://127.0.0.1:{api_port}",
        postgres=own_postgres,
        valkey=own_valkey,
        database_url=own_postgres.url if own_postgres else _value("DATABASE_URL"),
        valkey_url=own_valkey.url if own_valkey else _value("VALKEY_URL"),
        engine="given" if engine_urls else _engine(_value("ENGINE") or "vllm"),
        engine_urls=engine_urls,
        engine_socket=_engine_socket(home),
        proxy_count=_proxy_count(given.get("PROXY_PROCESSES", "")),
        remarks=(remark,) if remark else (),
    )


def _value(name: str) -> str:
    return environment.value(name).rstrip("/")


def _check_disk(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        (home / "run").mkdir(exist_ok=True, mode=0o700)
        free = shutil.disk_usage(home).free
    except OSError as error:
        raise CannotStartError(f"{home} cannot be used: {error.strerror}.") from error
    if free < FREE_BYTES_MIN:
        raise CannotStartError(
            f"Only {free // 1_000_000} MB are free below {home}; Tokenfab needs "
            f"{FREE_BYTES_MIN // 1_000_000} MB to start. Make room, or move the state "
            "with TOKENFAB_HOME."
        )


def _portal_port(wanted: str) -> tuple[int, str]:
    """The port, and a remark when it is not the usual one."""
    if wanted and not (wanted.isdecimal() and 0 < int(wanted) <= ports.HIGHEST_PORT):
        raise CannotStartError(f"PORT={wanted} is not a port number.")
    port = int(wanted or PORTAL_PORT)
    if ports.is_free(port):
        return port, ""
    pid = ports.holder_of(port)
    taken = f"Port {port} is taken" + (f" by pid {pid}" if pid else "")
    if wanted:
        raise CannotStartError(f"{taken}; choose another with PORT=.")
    other = ports.next_free_port(port + 1)
    return other, f"{taken}; the portal uses {other} (choose one with PORT=)."


def _postgres(home: Path) -> postgres.EmbeddedPostgres:
    try:
        return postgres.prepare(home, ports.any_free_port())
    except postgres.PostgresError as error:
        raise CannotStartError(str(error)) from error


def _valkey(home: Path) -> valkey.EmbeddedValkey:
    try:
        return valkey.prepare(home, ports.any_free_port())
    except valkey.ValkeyError as error:
        raise CannotStartError(str(error)) from error


def _engine(name: str) -> str:
    if name not in {"vllm", "simulator"}:
        raise CannotStartError(f"ENGINE={name}: choose vllm or simulator.")
    return name


def _engine_socket(home: Path) -> Path:
    """In the state folder where the kernel allows so long a path, else in a private
    temporary folder, which the supervisor removes when it stops.
    """
    path = home / "run" / "engine.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
        return path
    return Path(tempfile.mkdtemp(prefix="tokenfab-")) / "engine.sock"


def _proxy_count(wanted: str) -> int:
    if wanted:
        if not wanted.isdecimal() or int(wanted) < 1:
            raise CannotStartError(f"PROXY_PROCESSES={wanted} is not a count above 0.")
        return int(wanted)
    cores = len(os.sched_getaffinity(0))
    return 1 if cores <= FEW_CORES else cores // 2
