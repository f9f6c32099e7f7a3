"""Runs a child process to its end, line by line, and never leaves it behind."""

import contextlib
import io
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

# Less than whoever stops us waits for.
STOP_SECONDS = 1.5
LINES_MAX = 10_000


def dies_with_parent(name: str) -> tuple[str, ...]:
    """The kernel sends the child that signal when we are gone, however we went."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", name, "--") if setpriv else ()


def start(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    death_signal: str = "KILL",
) -> subprocess.Popen[str]:
    """In a session of its own, so that the whole family can be ended by one signal and
    a Ctrl-C in the terminal reaches only us.
    """
    return subprocess.Popen(
        [*dies_with_parent(death_signal), *argv],
        env=dict(environment),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


class Output:
    """What a child prints. A thread takes it off the pipe; so silence is noticed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.Queue[str | None] = queue.Queue(LINES_MAX)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def lines(self, tick_seconds: float) -> Iterator[str]:
        """Line by line, and an empty string whenever `tick_seconds` pass in silence.

        Ends with the output, or soon after the child if others still hold the pipe.
        """
        while True:
            try:
                line = self._lines.get(timeout=tick_seconds)
            except queue.Empty:
                if self._process.poll() is not None:
                    return
                line = ""
            if line is None:
                return
            yield line.rstrip()

    def close(self) -> None:
        """Once nobody writes any more; what was not taken is dropped."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._lines.get_nowait()
        self._reader.join(STOP_SECONDS)

    def _read(self) -> None:
        with contextlib.closing(self._process.stdout or io.StringIO()) as stream:
            for line in stream:
                self._lines.put(line)
        self._lines.put(None)


def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    on_line: Callable[[str], None],
) -> int:
    """The exit status; `on_line` also gets an empty line every half second of
    silence. If it is left by an exception, the child and its family are ended.
    """
    process = start(argv, environment=environment, folder=folder)
    output = Output(process)
    try:
        for line in output.lines(0.5):
            on_line(line)
        return process.wait()
    finally:
        end_family(process)
        output.close()


def end_family(process: subprocess.Popen[str]) -> None:
    """The child politely, so that it may end its own; then by force whoever is left."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    kill_group(process.pid)
    process.wait()


def kill_group(group: int) -> None:
    """Nothing happens if there is none left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
