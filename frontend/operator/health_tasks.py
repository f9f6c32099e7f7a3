"""The queue of tasks, who works on it, and when each scheduled task last ran."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery.schedules import maybe_schedule
from django.conf import settings
from django.utils.translation import gettext as _
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from frontend.operator.health import Check, Part, State, by_bounds
from tenants.services.task_runs import TaskRun, read_task_runs

_TIMEOUT_SECONDS = 0.5
_QUEUE = "celery"
_LENGTH_WAIT, _LENGTH_BAD = 50, 500
_AGE_WAIT, _AGE_BAD = 30, 300
_LATE_WAIT, _LATE_BAD = timedelta(minutes=1), timedelta(minutes=10)
_ALIVE = timedelta(seconds=30)
"""Some task runs each two seconds."""


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """A task of the schedule, as the page lists it."""

    name: str
    task: str
    run: TaskRun | None
    """None: not since Valkey began."""
    state: State
    late: timedelta
    """Since when it should have run; zero: it is in time."""


def read_tasks(*, now: datetime) -> tuple[Part, list[Scheduled]]:
    try:
        runs = read_task_runs({one["task"] for one in _schedule().values()})
        length, oldest = _queue(now)
    except RedisError:
        away = Check(
            title=_("Queue"),
            state=State.BAD,
            says=_("Valkey does not answer, so that no task runs."),
            todo=_("make logs NAME=valkey; its disk and memory."),
            chapter="When something is wrong",
        )
        return Part(title=_("Tasks"), checks=[away]), []
    scheduled = [
        _scheduled(name, one, runs.get(one["task"]))
        for name, one in _schedule().items()
    ]
    checks = [_length(length, oldest), _workers(runs, now), _times(scheduled)]
    return Part(title=_("Tasks"), checks=checks), scheduled


def _schedule() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = settings.CELERY_BEAT_SCHEDULE
    return found


def _queue(now: datetime) -> tuple[int, int | None]:
    """Its length, and for how many seconds its oldest message waits, where that can be
    told: a message has no time but that of its expiry.
    """
    broker = Redis.from_url(
        settings.CELERY_BROKER_URL,
        single_connection_client=True,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), retries=0),
    )
    with broker:
        length: Any = broker.llen(_QUEUE)
        oldest: Any = broker.lindex(_QUEUE, -1)
    return int(length), _waits(oldest, now) if oldest else None


def _waits(message: bytes, now: datetime) -> int | None:
    headers = json.loads(message).get("headers", {})
    options = {one["task"]: one.get("options", {}) for one in _schedule().values()}
    lifetime = options.get(headers.get("task"), {}).get("expires")
    if not (lifetime and headers.get("expires")):
        return None
    expires_at = datetime.fromisoformat(headers["expires"])
    sent_at = expires_at - timedelta(seconds=lifetime)
    return max(0, int((now - sent_at).total_seconds()))


def _scheduled(name: str, one: dict[str, Any], run: TaskRun | None) -> Scheduled:
    late = _late(one["schedule"], run.ended_at) if run else timedelta()
    state = by_bounds(
        late.total_seconds(), _LATE_WAIT.total_seconds(), _LATE_BAD.total_seconds()
    )
    if run is None or run.error:
        state = State.WAIT if state is State.GOOD else state
    return Scheduled(name=name, task=one["task"], run=run, state=state, late=late)


def _late(schedule: Any, last: datetime) -> timedelta:
    known: Any = maybe_schedule(schedule)
    left: timedelta = known.remaining_estimate(last)
    return max(-left, timedelta())


def _length(length: int, oldest: int | None) -> Check:
    state = max(
        by_bounds(length, _LENGTH_WAIT, _LENGTH_BAD),
        by_bounds(oldest or 0, _AGE_WAIT, _AGE_BAD),
        key=[State.GOOD, State.WAIT, State.BAD].index,
    )
    says = _("Waiting messages: %(length)s.") % {"length": length}
    if oldest is not None:
        says += " " + _("The oldest for %(seconds)s s.") % {"seconds": oldest}
    return Check(
        title=_("Queue"),
        state=state,
        says=says,
        todo=_("make logs NAME=tasks; is a worker stuck, or is there too much for it?"),
        chapter="When something is wrong",
    )


def _workers(runs: dict[str, TaskRun], now: datetime) -> Check:
    alive = {run.worker for run in runs.values() if now - run.ended_at < _ALIVE}
    return Check(
        title=_("Workers"),
        state=State.GOOD if alive else State.BAD,
        says=_("Processes that ended a task within half a minute: %(count)s.")
        % {"count": len(alive)},
        todo=_("make status; make logs NAME=tasks."),
        chapter="Start, stop, look",
    )


def _times(scheduled: list[Scheduled]) -> Check:
    failed = [one.name for one in scheduled if one.run and one.run.error]
    late = [one.name for one in scheduled if one.late >= _LATE_WAIT]
    is_bad = any(one.state is State.BAD for one in scheduled)
    state = State.BAD if is_bad else State.WAIT if failed or late else State.GOOD
    says = _("Every task that has run was in time and ended well.")
    if failed:
        says = _("Ended with an error: %(names)s.") % {"names": ", ".join(failed)}
    elif late:
        says = _("Late: %(names)s.") % {"names": ", ".join(late)}
    return Check(
        title=_("Schedule"),
        state=state,
        says=says,
        todo=_("The list below says when each last ran; make logs NAME=tasks why."),
        chapter="When something is wrong",
    )
