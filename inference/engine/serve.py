"""Runs `vllm serve` as a child for as long as this process lives."""

import contextlib
import fcntl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from inference.engine import child, durations, launcher, leftovers
from inference.engine.engine_log import EngineLog
from inference.engine.failure import EngineError
from inference.engine.health import is_healthy
from inference.engine.install import Build
from inference.engine.milestones import LoadProgress
from inference.engine.progress import Progress
from inference.engine.settings import REPOSITORY, Settings

LOAD_TICK_SECONDS = 0.25
# A death is noticed within it, even if the family holds the log open.
WATCH_TICK_SECONDS = 1.0
# A hub model may have to be fetched first.
LOAD_SECONDS_MAX = 7200.0

Child = subprocess.Popen[str]


def serve(settings: Settings, build: Build, progress: Progress) -> NoReturn:
    """Raises EngineError when the engine has ended, or
    whatever a signal handler raises; nothing of the engine is left then.
    """
    if not settings.key:
        raise EngineError("Set ENGINE_KEY: an engine without a key serves anybody.")
    with _engine(settings, build) as process:
        log = EngineLog(process)
        _load(settings, progress, log)
        _watch(progress, log)


@contextlib.contextmanager
def _engine(settings: Settings, build: Build) -> Iterator[Child]:
    leftovers.kill(settings.work_folder)
    # vLLM refuses to bind to a name that exists, and does not clear it away.
    settings.socket.unlink(missing_ok=True)
    process = child.start(
        launcher.command(settings, build),
        environment=launcher.environment(settings, build),
        folder=settings.work_folder,
        # vLLM ends its own children on this one.
        death_signal="TERM",
    )
    minder = _start_minder(process.pid)
    try:
        yield process
    finally:
        child.end_family(process)
        minder.kill()
        minder.wait()
        settings.socket.unlink(missing_ok=True)


@contextlib.contextmanager
def sole_owner(settings: Settings) -> Iterator[None]:
    """One launcher per socket; so what an earlier one left is surely nobody's.

    Raises EngineError if another one runs.
    """
    settings.work_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (settings.work_folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineError(
                f"Another engine already runs on {settings.socket}."
            ) from None
        yield


def _start_minder(group: int) -> subprocess.Popen[bytes]:
    """Out of reach of signals to our own process group."""
    script = Path(__file__).with_name("minder.py")
    return subprocess.Popen(
        [sys.executable, "-I", str(script), str(group)],
        stdin=subprocess.PIPE,
        cwd=REPOSITORY,
        start_new_session=True,
    )


def _load(settings: Settings, progress: Progress, log: EngineLog) -> None:
    """Returns once the engine answers."""
    expected = durations.expected_seconds(settings.models, "load")
    load = LoadProgress(expected)
    progress.begin("load")
    for line in log.lines(LOAD_TICK_SECONDS):
        load.see(line)
        elapsed = progress.elapsed_seconds()
        progress.report(load.fraction(elapsed), load.message)
        if settings.socket.exists() and is_healthy(settings.socket):
            durations.remember(settings.models, "load", elapsed)
            return
        if elapsed > LOAD_SECONDS_MAX:
            raise EngineError(f"vLLM did not answer within {LOAD_SECONDS_MAX:.0f} s.")
    raise EngineError(log.obituary())


def _watch(progress: Progress, log: EngineLog) -> NoReturn:
    progress.ready()
    for _ in log.lines(WATCH_TICK_SECONDS):
        progress.beat()
    raise EngineError(log.obituary())
