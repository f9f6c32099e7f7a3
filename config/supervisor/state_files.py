"""What the supervisor writes below `run/` for other processes and for scripts."""

import json
import os
from pathlib import Path
from typing import Any

SERVICES = "services.json"
"""Environment values for `manage.py …` in a second terminal; holds passwords."""
ENDPOINTS = "endpoints.json"
"""Where everything answers; holds the operator's login link."""
PROCESSES = "processes.json"
"""What runs, for `make status`."""
PROGRESS = "engine_progress.json"


def write_private(path: Path, content: Any) -> None:
    """JSON of mode 0600 that appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1)
    draft.replace(path)


def read(path: Path) -> dict[str, Any]:
    """Empty when the file is missing or is being written by somebody careless."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def forget(run: Path) -> None:
    """Removes what only a running supervisor may claim."""
    for name in (SERVICES, ENDPOINTS, PROCESSES, PROGRESS):
        (run / name).unlink(missing_ok=True)
