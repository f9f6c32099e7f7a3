"""Makes the engine's own environment from the hashed list, once.

It may be killed at any moment. The stamp is written last, so an environment without
one is taken up where it was left: packages that pip had not finished are installed
again, the others are kept. One with another stamp is made anew.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from inference.engine import child
from inference.engine.failure import EngineError
from inference.engine.interpreter import find_interpreter
from inference.engine.pip_output import PipProgress, sentence_for
from inference.engine.progress import write_whole
from inference.engine.settings import REPOSITORY, Settings

Report = Callable[[float, str], None]

SHIM = REPOSITORY / "inference" / "engine" / "version_shim"
STAMP = "tokenfab-engine.stamp"


@dataclass(frozen=True, kw_only=True)
class Build:
    """Which vLLM this machine takes."""

    name: str
    lock: Path
    bytes_needed: int
    """Free bytes that an installation from nothing needs at its peak."""
    needs_shim: bool


CPU = Build(
    name="cpu",
    lock=REPOSITORY / "requirements" / "engine-cpu.txt",
    bytes_needed=4_000_000_000,
    needs_shim=True,
)
CUDA = Build(
    name="cuda",
    lock=REPOSITORY / "requirements" / "engine-cuda.txt",
    bytes_needed=18_000_000_000,
    needs_shim=False,
)


def choose_build() -> Build:
    return CUDA if _has_cuda_gpu() else CPU


def _has_cuda_gpu() -> bool:
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and b"GPU" in listed.stdout


def is_installed(settings: Settings, build: Build) -> bool:
    try:
        return (settings.venv / STAMP).read_text() == stamp_of(build)
    except (FileNotFoundError, NotADirectoryError):
        return False


def stamp_of(build: Build) -> str:
    """Changes when anything that decides the contents of the environment changes."""
    digest = hashlib.sha256(build.lock.read_bytes())
    if build.needs_shim:
        digest.update((SHIM / "pyproject.toml").read_bytes())
    return f"{build.name} {digest.hexdigest()}"


def install(settings: Settings, build: Build, report: Report) -> None:
    """Raises EngineError when there is no disk, no network or no interpreter for it.

    Of several launchers that share the environment one installs, the others wait.
    """
    with _alone(settings.venv, report):
        if is_installed(settings, build):
            return
        _check_disk(settings.venv, build)
        _forget_unfinished(settings.venv)
        _make_environment(settings)
        _pip_install(settings, build, report)
        if build.needs_shim:
            _install_shim(settings)
        write_whole(settings.venv / STAMP, stamp_of(build))


@contextlib.contextmanager
def _alone(venv: Path, report: Report) -> Iterator[None]:
    """Holds a lock beside the environment; the kernel drops it when we die."""
    venv.parent.mkdir(parents=True, exist_ok=True)
    with venv.with_name(f"{venv.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(0.0, "Waiting for another process that installs the engine.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_disk(venv: Path, build: Build) -> None:
    free = shutil.disk_usage(venv.parent).free
    there = _bytes_below(venv)
    if free + there < build.bytes_needed:
        raise EngineError(
            f"The engine needs {build.bytes_needed / 1e9:.0f} GB of disk below "
            f"{venv.parent} and only {(free + there) / 1e9:.1f} GB are free; make "
            "room, or move it with ENGINE_VENV."
        )


def _bytes_below(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def _make_environment(settings: Settings) -> None:
    """Anew when another list made it; else only what is missing."""
    interpreter = find_interpreter(settings.python)
    other = ["--clear"] if (settings.venv / STAMP).exists() else []
    (settings.venv / STAMP).unlink(missing_ok=True)
    made = subprocess.run(
        [interpreter, "-m", "venv", *other, str(settings.venv)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        said = (made.stderr or made.stdout).strip().splitlines()
        raise EngineError(
            f"No environment could be made in {settings.venv}: "
            f"{said[-1] if said else 'no reason given'}"
        )


def site_packages(venv: Path) -> Path:
    found = sorted((venv / "lib").glob("python3*/site-packages"))
    return found[0] if found else venv / "lib"


def _forget_unfinished(venv: Path) -> None:
    """A package ends with INSTALLER and then the final RECORD; without them pip was
    killed inside it, and would yet take it for installed.
    """
    for folder in site_packages(venv).glob("*.dist-info"):
        record = folder / "RECORD"
        if not record.exists() or "/INSTALLER," not in record.read_text():
            shutil.rmtree(folder)


def _pip_install(settings: Settings, build: Build, report: Report) -> None:
    progress = PipProgress(build.lock.read_text())
    log = settings.log_folder / "engine_install.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:

        def on_line(line: str) -> None:
            if line:
                file.write(f"{line}\n")
                file.flush()
            progress.see(line, _count_installed(settings.venv))
            report(progress.fraction, progress.message)

        status = child.run(
            _pip(settings, "--require-hashes", "-r", str(build.lock)),
            environment=_pip_environment(),
            folder=REPOSITORY,
            on_line=on_line,
        )
    if status:
        raise EngineError(sentence_for(log.read_text(), log))


def _count_installed(venv: Path) -> int:
    return sum(1 for _ in site_packages(venv).glob("*.dist-info"))


def _install_shim(settings: Settings) -> None:
    """From a copy, because building leaves files beside the sources."""
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copytree(SHIM, Path(folder) / "shim")
        # No isolation: setuptools is in the list, another one would be fetched.
        argv = _pip(settings, "--no-build-isolation", "--no-index", str(copy))
        made = subprocess.run(
            argv, capture_output=True, text=True, check=False, env=_pip_environment()
        )
    if made.returncode:
        raise EngineError(sentence_for(made.stdout + made.stderr, SHIM))


def _pip(settings: Settings, *arguments: str) -> list[str]:
    python = settings.venv / "bin" / "python"
    quiet = ("--disable-pip-version-check", "--no-input", "--no-color")
    # Only the list: its authors resolved it, and left out what text does not need.
    return [str(python), "-m", "pip", "install", *quiet, "--no-deps", *arguments]


def _pip_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}
