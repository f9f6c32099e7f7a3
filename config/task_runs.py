"""Celery tells of each task that ends; the operator's page of health shows it."""

import logging
import os
import socket
import time
from datetime import UTC, datetime
from typing import Any

from celery.signals import task_postrun, task_prerun
from redis import RedisError

_logger = logging.getLogger(__name__)
_began: dict[str, float] = {}
"""By the task's id; one process runs one task at a time, or few."""


@task_prerun.connect
def begin(task_id: str, **_: Any) -> None:
    _began[task_id] = time.monotonic()


@task_postrun.connect
def end(task_id: str, task: Any, state: str, retval: Any, **_: Any) -> None:
    """A task must not fail because its end could not be noted."""
    # Imported late: Celery's application is made before Django is ready.
    from tenants.services.task_runs import TaskRun, note_task_run  # noqa: PLC0415

    seconds = time.monotonic() - _began.pop(task_id, time.monotonic())
    run = TaskRun(
        ended_at=datetime.now(UTC),
        seconds=round(seconds, 3),
        worker=f"{socket.gethostname()}:{os.getpid()}",
        error="" if state == "SUCCESS" else f"{type(retval).__name__}: {retval}"[:300],
    )
    try:
        note_task_run(task.name, run)
    except RedisError:
        _logger.warning("the run of %s is not noted: Valkey is away", task.name)
