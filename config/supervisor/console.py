"""One stream for all children: a coloured name before each line, and on a terminal
the engine's progress bar kept below the last one.
"""

import contextlib
import time
from pathlib import Path
from typing import IO

from config.supervisor.log_file import LogFile

COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
NAME_WIDTH = 10
ERASE_LINE = "\r\x1b[K"


class Console:
    def __init__(self, stream: IO[str], logs: Path, *, columns: int = 100) -> None:
        self._stream = stream
        self._logs = logs
        self._columns = columns
        self._is_terminal = stream.isatty()
        self._files: dict[str, LogFile] = {}
        self._colours: dict[str, int] = {}
        self._status = ""

    def line(self, name: str, text: str) -> None:
        """Shows the line and logs it."""
        self.log(name, text)
        self._print(f"{self._coloured(name)} | {text}")

    def log(self, name: str, text: str) -> None:
        """Keeps the line in `<name>.log` and, with its name, in `all.log`."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with contextlib.suppress(OSError):  # a full disk has no room for a new file
            self._file(name).write(f"{stamp} {text}")
            self._file("all").write(f"{stamp} {name:<{NAME_WIDTH}} | {text}")

    def plain(self, text: str) -> None:
        """Shown and not kept: the operator's login link must be in no log."""
        self._print(text)

    def status(self, text: str) -> None:
        """Replaces the line at the bottom; only a terminal can."""
        if self._is_terminal and text != self._status:
            self._status = text[: self._columns - 1]
            self._write(f"{ERASE_LINE}{self._status}")

    @property
    def is_terminal(self) -> bool:
        return self._is_terminal

    def close(self) -> None:
        self.status("")
        for file in self._files.values():
            file.close()

    def _print(self, text: str) -> None:
        erase = ERASE_LINE if self._status else ""
        self._write(f"{erase}{text}\n{self._status}")

    def _write(self, text: str) -> None:
        """A terminal that is gone must not end what runs."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._is_terminal = False

    def _file(self, name: str) -> LogFile:
        if name not in self._files:
            self._files[name] = LogFile(self._logs / f"{name}.log")
        return self._files[name]

    def _coloured(self, name: str) -> str:
        padded = f"{name:<{NAME_WIDTH}}"
        if not self._is_terminal:
            return padded
        colour = self._colours.setdefault(
            name, COLOURS[len(self._colours) % len(COLOURS)]
        )
        return f"\x1b[{colour}m{padded}\x1b[0m"
