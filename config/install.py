"""Makes `.venv` and fills it from the hashed lists; the first thing `make` runs.

It runs on the system's Python before anything is installed, so it imports the standard
library alone, and its syntax is old enough for an old Python to read the refusal.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
ENVIRONMENT = REPOSITORY / ".venv"
STAMP = ENVIRONMENT / "tokenfab-installed.json"
LOG = ENVIRONMENT / "tokenfab-install.log"
PYTHON_MIN = (3, 11)
FREE_BYTES_MIN = 1_500_000_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

# The first that pip's output contains decides the sentence.
REASONS = (
    ("No space left on device", "The disk is full."),
    (
        "DO NOT MATCH THE HASHES",
        "A downloaded package is not the one that was reviewed (its hash differs).",
    ),
    ("Failed to establish a new connection", "The package index cannot be reached."),
    ("Temporary failure in name resolution", "The package index cannot be reached."),
    ("Connection refused", "The package index cannot be reached."),
    ("Network is unreachable", "The package index cannot be reached."),
    ("ProxyError", "The package index cannot be reached through the proxy."),
    ("ConnectTimeoutError", "The package index does not answer in time."),
    ("ReadTimeoutError", "The package index does not answer in time."),
    ("error: command 'gcc' failed", "A package needs a C compiler (gcc)."),
    ("No matching distribution found", "The package index lacks a package we need."),
)


class InstallError(Exception):
    """One sentence for whoever typed `make`."""


def main(arguments: list[str]) -> int:
    """`base`, `compile` or `dev` fills `.venv`; `chromium` gets a browser for tests."""
    try:
        if arguments == ["chromium"]:
            install_chromium()
        else:
            (name,) = arguments
            install(name)
    except InstallError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Interrupted; the next `make` goes on from here.")
        return 130
    return 0


def install(name: str) -> None:
    """Fast when nothing has changed since the last time."""
    if sys.version_info[:2] < PYTHON_MIN:
        raise InstallError(
            f"Tokenfab needs Python 3.11 or newer, and {sys.executable} is "
            f"{sys.version_info[0]}.{sys.version_info[1]}. "
            "Name another with `make PYTHON=python3.11 up`."
        )
    requirements = REPOSITORY / "requirements" / (name + ".txt")
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if is_environment_usable() and installed().get(name) == digest:
        return
    check_disk()
    began = time.monotonic()
    say(f"Installing requirements/{name}.txt into .venv; this takes about a minute.")
    make_environment()
    run_pip(requirements)
    remember(name, digest)
    say(f"Installed in {time.monotonic() - began:.0f} s.")


def is_environment_usable() -> bool:
    """False after an interrupted creation, or when its Python has been removed."""
    return (ENVIRONMENT / "bin" / "python").exists() and bool(
        list(ENVIRONMENT.glob("lib/python*/site-packages/pip/__main__.py"))
    )


def make_environment() -> None:
    if is_environment_usable():
        return
    result = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        why = (
            "its venv module is missing; on Debian and Ubuntu: apt install python3-venv"
        )
        if "ensurepip" not in result.stdout + result.stderr:
            why = last_line(result.stdout + result.stderr)
        raise InstallError(f"{sys.executable} cannot make .venv: {why}.")


def run_pip(requirements: Path) -> None:
    command = [
        str(ENVIRONMENT / "bin" / "python"),
        *("-m", "pip", "install", "--disable-pip-version-check", "--no-input"),
        *("--retries", "3", "--require-hashes", "-r", str(requirements)),
    ]
    with LOG.open("w+") as log:
        failed = subprocess.run(
            command, stdout=log, stderr=subprocess.STDOUT, check=False
        ).returncode
        log.seek(0)
        output = log.read()
    if failed:
        raise InstallError(explain(output))


def explain(output: str) -> str:
    """What pip printed, as one sentence."""
    for symptom, sentence in REASONS:
        if symptom in output:
            return f"{sentence} Nothing was started; pip's own words are in {LOG}."
    return f"pip failed ({last_line(output)}); its own words are in {LOG}."


def check_disk() -> None:
    free = shutil.disk_usage(REPOSITORY).free
    if free < FREE_BYTES_MIN:
        raise InstallError(
            f"Only {free // 1_000_000} MB are free below {REPOSITORY}, and the "
            f"packages need {FREE_BYTES_MIN // 1_000_000} MB."
        )


def installed() -> dict[str, str]:
    try:
        return dict(json.loads(STAMP.read_text()))
    except (OSError, ValueError):
        return {}


def remember(name: str, digest: str) -> None:
    draft = STAMP.with_suffix(".draft")
    draft.write_text(json.dumps({**installed(), name: digest}))
    draft.replace(STAMP)


def install_chromium() -> None:
    """Never fails: without a browser its tests are skipped, and say so."""
    if any(shutil.which(name) for name in BROWSERS):
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        say(
            "No Chromium is installed, and only root can install it (with apt-get): "
            "the browser tests are skipped."
        )
        return
    say("Installing Chromium from the system's packages.")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    for arguments in (
        ["update"],
        ["install", "--yes", "--no-install-recommends", "chromium"],
    ):
        result = subprocess.run(
            apt + arguments,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if result.returncode:
        say(
            f"Chromium cannot be installed ({last_line(result.stderr)}): "
            "the browser tests are skipped."
        )


def last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def say(sentence: str) -> None:
    print(sentence, flush=True)  # noqa: T201  this is all the user sees of it


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
