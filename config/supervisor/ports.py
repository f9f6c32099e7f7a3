"""TCP ports on the loopback interface: which are free, and who holds the others."""

import contextlib
import errno
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
HIGHEST_PORT = 65_535


class NoFreePortError(Exception):
    """Every port of the range is taken."""


def any_free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether a server could listen there, on loopback or on every address."""
    with socket.socket() as listener:
        # As the servers do: connections of the last run in TIME_WAIT are no hindrance.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def next_free_port(start: int, *, besides: frozenset[int] = frozenset()) -> int:
    for port in range(start, min(start + 100, HIGHEST_PORT + 1)):
        if port not in besides and is_free(port):
            return port
    raise NoFreePortError(f"Ports {start} to {start + 99} are all taken.")


def holder_of(port: int) -> int | None:
    """The pid that listens on the port; None when the kernel does not let us see."""
    wanted = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for folder in Path("/proc").glob("[0-9]*"):
        if wanted & _open_files(folder):
            return int(folder.name)
    return None


def _open_files(folder: Path) -> set[str]:
    """Of one process; empty for somebody else's."""
    files = set()
    try:
        for link in (folder / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                files.add(str(link.readlink()))
    except OSError:
        return set()
    return files


def _listening_inodes(port: int) -> set[str]:
    listening = "0A"
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if fields[3] == listening and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes
