"""A log file that cannot fill the disk: one file and one predecessor."""

from pathlib import Path

LOG_BYTES_MAX = 5_000_000


class LogFile:
    def __init__(self, path: Path, *, bytes_max: int = LOG_BYTES_MAX) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._bytes_max = bytes_max
        self._file = path.open("ab", buffering=0)
        self._size = self._file.tell()

    def write(self, line: str) -> None:
        """A full disk loses log lines; it must not stop what is being logged."""
        data = line.encode(errors="replace") + b"\n"
        try:
            if self._size + len(data) > self._bytes_max:
                self._rotate()
            self._file.write(data)
            self._size += len(data)
        except OSError:
            pass

    def close(self) -> None:
        self._file.close()

    def _rotate(self) -> None:
        """Keeps the old file open until there is a new one: a full disk may refuse it,
        and then the next line tries again.
        """
        if self._path.exists():
            self._path.replace(self._path.with_suffix(".log.1"))
        fresh = self._path.open("ab", buffering=0)
        self._file.close()
        self._file = fresh
        self._size = 0
