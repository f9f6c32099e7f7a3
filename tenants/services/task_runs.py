"""When each scheduled task last ran, how long it took, and how it ended.

In Django's cache: tasks wake up each second or two, a row each time would be more
writing than all they do. What Valkey loses it knows again with the next run.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from django.core.cache import cache

KEPT_SECONDS = 40 * 24 * 3600
"""Longer than the longest pause between two runs."""
_PREFIX = "task-run:"


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    ended_at: datetime
    seconds: float
    worker: str
    """Host and process."""
    error: str
    """Empty: it went well."""


def note_task_run(name: str, run: TaskRun) -> None:
    """Raises what the cache raises while Valkey is away."""
    kept = (run.ended_at.timestamp(), run.seconds, run.worker, run.error)
    cache.set(_PREFIX + name, kept, KEPT_SECONDS)


def read_task_runs(names: Collection[str]) -> dict[str, TaskRun]:
    """Those that have run since Valkey began. Raises what the cache raises."""
    found = cache.get_many([_PREFIX + name for name in names])
    return {
        key.removeprefix(_PREFIX): TaskRun(
            ended_at=datetime.fromtimestamp(at, UTC),
            seconds=seconds,
            worker=worker,
            error=error,
        )
        for key, (at, seconds, worker, error) in found.items()
    }
