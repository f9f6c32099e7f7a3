"""The engine's progress file as one line of text."""

from collections.abc import Mapping
from typing import Any

BAR_WIDTH = 24
SECONDS_PER_MINUTE = 60


def bar(progress: Mapping[str, Any]) -> str:
    """For a terminal, one line: bar, step, title, time left."""
    overall = min(max(float(progress.get("overall") or 0.0), 0.0), 1.0)
    full = round(overall * BAR_WIDTH)
    return f"[{'█' * full}{'·' * (BAR_WIDTH - full)}] {sentence(progress)}"


def sentence(progress: Mapping[str, Any]) -> str:
    state = progress.get("state", "absent")
    if state == "failed":
        return f"failed: {progress.get('error') or progress.get('message')}"
    if state == "ready":
        return f"ready: {progress.get('model')}"
    overall = float(progress.get("overall") or 0.0)
    step = f"step {progress.get('step')} of {progress.get('steps')}"
    title = progress.get("title") or progress.get("message") or state
    return f"{overall:4.0%} {step}: {title}{_time_left(progress.get('eta_seconds'))}"


def _time_left(eta_seconds: float | None) -> str:
    if eta_seconds is None:
        return ""
    if eta_seconds < SECONDS_PER_MINUTE:
        return f", about {eta_seconds:.0f} s left"
    return f", about {eta_seconds / SECONDS_PER_MINUTE:.0f} min left"
