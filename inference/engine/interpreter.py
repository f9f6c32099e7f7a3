"""Which Python the engine's environment is made with."""

import platform
import shutil
import subprocess
import sys

from inference.engine.failure import EngineError

VERSION = "3.11"
"""The lists of the engine are locked for this one; so are the hashes in them."""


def find_interpreter(given: str) -> str:
    """Path of an interpreter of that version; `given` (ENGINE_PYTHON) goes first.

    Raises EngineError when there is none, or this is not the machine of the lists.
    """
    if platform.machine() != "x86_64":
        raise EngineError(
            f"The engine's lists are locked for x86-64, and this is "
            f"{platform.machine()}; use ENGINE=simulator, or ENGINE_URLS for an "
            "engine that runs elsewhere."
        )
    candidates = [given] if given else [sys.executable, f"python{VERSION}"]
    for candidate in candidates:
        path = shutil.which(candidate)
        if path and _version(path) == VERSION:
            return path
    raise EngineError(
        f"The engine needs Python {VERSION} and {candidates[-1]} is not one; install "
        "it, or name it with ENGINE_PYTHON."
    )


def _version(python: str) -> str:
    told = subprocess.run(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return told.stdout.strip()
