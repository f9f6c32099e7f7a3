"""How far the engine's preparation is: the file that the engine's process writes."""

from pathlib import Path
from typing import Literal

import msgspec

from frontend.lazy import lazy as _

_STAGES = (
    ("installing", _("Install the engine")),
    ("converting", _("Prepare the model")),
    ("loading", _("Load the model")),
    ("ready", _("Answer calls")),
)


class EngineProgress(msgspec.Struct, frozen=True, kw_only=True):
    """`engine_progress.json`; written atomically, so it is read whole or not at all."""

    state: Literal["absent", "installing", "converting", "loading", "ready", "failed"]
    step: int
    steps: int
    title: str
    overall: float
    """0 to 1 over all steps."""
    updated_at: float
    """Seconds since the epoch."""
    fraction: float | None = None
    """0 to 1 within the step; None: unknown."""
    eta_seconds: float | None = None
    message: str = ""
    error: str | None = None
    model: str = ""
    is_simulator: bool = False

    @property
    def percent(self) -> int:
        return round(100 * min(max(self.overall, 0.0), 1.0))

    @property
    def stages(self) -> list[tuple[str, Literal["done", "now", "next"]]]:
        """The way from nothing to ready, and where on it the engine is."""
        names = [name for name, _ in _STAGES]
        now = names.index(self.state) if self.state in names else -1
        reached = len(names) if self.state == "ready" else now
        return [
            (title, "done" if at < reached else "now" if at == reached else "next")
            for at, (_, title) in enumerate(_STAGES)
        ]


def read_progress(path: Path) -> EngineProgress | None:
    """None: no engine of ours has started yet, or the file is not readable."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=EngineProgress)
    except (OSError, msgspec.DecodeError):
        return None
