"""Tells the portal and the proxy, through a file, that the engine is ready."""

import json
import os
import time
from pathlib import Path


def write_ready(path: str, model: str) -> None:
    """Replaces the file at once, so that no reader sees half of it."""
    target = Path(path)
    draft = target.with_suffix(f".{os.getpid()}")
    draft.write_text(
        json.dumps(
            {
                "state": "ready",
                "step": 1,
                "steps": 1,
                "title": "Simulated engine",
                "fraction": 1.0,
                "overall": 1.0,
                "eta_seconds": None,
                "message": "The simulated engine answers; no model is loaded.",
                "error": None,
                "updated_at": time.time(),
                "model": model,
                "is_simulator": True,
            }
        )
    )
    draft.replace(target)
