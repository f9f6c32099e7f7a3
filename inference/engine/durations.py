"""How long each step took the last time on this machine, for honest estimates."""

import json
from pathlib import Path

from inference.engine.progress import write_whole

# Measured on two slow cores; the first run has nothing better.
FIRST_GUESS_SECONDS = {"install": 180.0, "convert": 40.0, "load": 60.0}


def expected_seconds(models: Path, name: str) -> float:
    return _known(models).get(name, FIRST_GUESS_SECONDS[name])


def remember(models: Path, name: str, seconds: float) -> None:
    known = _known(models) | {name: round(seconds, 1)}
    write_whole(_file(models), json.dumps(known))


def _known(models: Path) -> dict[str, float]:
    try:
        return {k: float(v) for k, v in json.loads(_file(models).read_text()).items()}
    except (FileNotFoundError, ValueError, AttributeError):
        return {}


def _file(models: Path) -> Path:
    return models / "durations.json"
