"""How far the engine is: one small JSON file, written whole or not at all.

The proxy, the portal and the supervisor's console read it. While the launcher lives it
rewrites the file at least every HEARTBEAT_SECONDS, so a reader can tell an old word
from a true one by `updated_at`.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Publish = Callable[[Mapping[str, object]], None]

HEARTBEAT_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that takes long enough to be shown."""

    name: str
    """Key of its last known duration."""
    state: str
    """The engine's state while it goes on: installing, converting or loading."""
    title: str
    seconds: float
    """How long it is expected to take; its weight in the whole."""


@dataclass(kw_only=True)
class Progress:
    """Moves through `steps`; each report is published."""

    publish: Publish
    model: str
    steps: Sequence[Step]
    clock: Callable[[], float] = time.time
    _at: int = 0
    _began_at: float = 0.0
    _fraction: float = 0.0
    _written_at: float = 0.0
    _body: dict[str, object] = field(default_factory=dict)

    def begin(self, name: str) -> None:
        """The step of that name starts now; those before it are done."""
        self._at = [step.name for step in self.steps].index(name)
        self._began_at, self._fraction = self.clock(), 0.0
        self.report(0.0, self._step.title)

    def report(self, fraction: float, message: str) -> None:
        """`fraction` of the step is done; it never goes back within a step."""
        self._fraction = max(self._fraction, min(fraction, 1.0))
        self._write(
            state=self._step.state,
            fraction=round(self._fraction, 3),
            overall=round(self._overall(), 3),
            eta_seconds=round(self._seconds_left()),
            message=message,
        )

    def elapsed_seconds(self) -> float:
        return self.clock() - self._began_at

    def ready(self) -> None:
        self._at = len(self.steps) - 1
        self._write(
            state="ready",
            fraction=1.0,
            overall=1.0,
            eta_seconds=0,
            message=f"{self.model} answers.",
        )

    def fail(self, sentence: str) -> None:
        self._write(state="failed", eta_seconds=None, message=sentence, error=sentence)

    def absent(self) -> None:
        self._write(
            state="absent",
            fraction=0.0,
            overall=0.0,
            eta_seconds=None,
            message="The engine is not running.",
        )

    def beat(self) -> None:
        """Says the same again, at a new time; cheap enough to be called often."""
        if self.clock() - self._written_at >= HEARTBEAT_SECONDS:
            self._write(**self._body)

    @property
    def _step(self) -> Step:
        return self.steps[self._at]

    def _overall(self) -> float:
        done = sum(step.seconds for step in self.steps[: self._at])
        here = self._fraction * self._step.seconds
        return (done + here) / sum(step.seconds for step in self.steps)

    def _seconds_left(self) -> float:
        later = sum(step.seconds for step in self.steps[self._at + 1 :])
        return later + seconds_left_in_step(
            expected=self._step.seconds,
            elapsed=self.elapsed_seconds(),
            fraction=self._fraction,
        )

    def _write(self, **said: object) -> None:
        self._written_at = self.clock()
        self._body = {
            **self._body,
            "error": None,
            **said,
            "step": self._at + 1,
            "steps": len(self.steps),
            "title": self._step.title,
            "updated_at": self._written_at,
            "model": self.model,
            "is_simulator": False,
        }
        self.publish(self._body)


def seconds_left_in_step(*, expected: float, elapsed: float, fraction: float) -> float:
    """What was expected counts less, the more of the step has been seen.

    >>> seconds_left_in_step(expected=100, elapsed=0, fraction=0)
    100
    >>> seconds_left_in_step(expected=100, elapsed=100, fraction=0.5)
    75.0
    """
    by_pace = elapsed / fraction * (1 - fraction) if fraction else expected
    by_memory = expected * (1 - fraction)
    return fraction * by_pace + (1 - fraction) * by_memory


def to_file(file: Path) -> Publish:
    return lambda body: write_whole(file, json.dumps(body))


def write_whole(file: Path, text: str) -> None:
    """A reader sees the old text or the new one, never a part."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(file)
