"""Tells the portal and the proxy, through the engine's progress file, that the
simulated engine answers, and in the end that it no longer does.
"""

import asyncio
import json
import time
from pathlib import Path

from inference.engine.progress import HEARTBEAT_SECONDS, write_whole


class Beacon:
    """Writes the progress file, and again before readers take it for an old word."""

    def __init__(self, file: Path, model: str) -> None:
        self._file = file
        self._model = model
        self._timer: asyncio.Handle | None = None

    def light(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HEARTBEAT_SECONDS, self.light)
        self._write("ready", 1.0, "The simulated engine answers; no model is loaded.")

    def put_out(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._write("absent", 0.0, "The simulated engine has stopped.")

    def _write(self, state: str, done: float, message: str) -> None:
        body = {
            "state": state,
            "step": 1,
            "steps": 1,
            "title": "Simulated engine",
            "fraction": done,
            "overall": done,
            "eta_seconds": 0 if done else None,
            "message": message,
            "error": None,
            "updated_at": time.time(),
            "model": self._model,
            "is_simulator": True,
        }
        write_whole(self._file, json.dumps(body))
