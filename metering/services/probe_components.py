"""Ask each component how it is, from outside where it has one, and count that."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
from django.conf import settings
from django.db import connection
from django.db.models import Count, Q

from inference.models import EngineState, ServedModel
from metering.domain.components import (
    API,
    MODEL,
    PORTAL,
    USAGE,
    Health,
    health_of_engines,
    health_of_lag,
)
from metering.models import OpenHour
from metering.services.shipped_up_to import shipped_up_to

_ANSWER_SECONDS_MAX = 3.0
_SLOW_SECONDS = 1.0
_HOUR = timedelta(hours=1)
_COUNT = """
INSERT INTO component_day
    (component, day, probes, degraded, failed, health, probed_at)
VALUES (%s, %s, 1, %s, %s, %s, %s)
ON CONFLICT (component, day) DO UPDATE SET
    probes = component_day.probes + 1,
    degraded = component_day.degraded + excluded.degraded,
    failed = component_day.failed + excluded.failed,
    health = excluded.health, probed_at = excluded.probed_at
"""


def probe_components(*, now: datetime) -> dict[str, Health]:
    """How each is, by its name. Woken twice in a minute it asks and counts twice."""
    found = {
        API: _answers(f"{settings.PROXY_URL}/healthz"),
        PORTAL: _answers(f"{settings.PORTAL_URL}/healthz"),
        USAGE: health_of_lag(_lag(now)),
        **_models(),
    }
    day = now.astimezone(UTC).date()
    with connection.cursor() as cursor:
        cursor.executemany(
            _COUNT, [_row(name, day, health, now) for name, health in found.items()]
        )
    return found


def _row(name: str, day: date, health: Health, now: datetime) -> list[Any]:
    is_degraded, has_failed = health is Health.DEGRADED, health is Health.DOWN
    return [name, day, int(is_degraded), int(has_failed), health.value, now]


def _answers(address: str) -> Health:
    """Asked as its users do, in public if that is where it is."""
    try:
        answer = httpx.get(address, timeout=_ANSWER_SECONDS_MAX, trust_env=False)
    except (httpx.HTTPError, OSError):
        return Health.DOWN
    if answer.status_code != httpx.codes.OK:
        return Health.DOWN
    is_slow = answer.elapsed.total_seconds() > _SLOW_SECONDS
    return Health.DEGRADED if is_slow else Health.UP


def _models() -> dict[str, Health]:
    answers = Q(engines__state=EngineState.READY, engines__is_draining=False)
    rows = ServedModel.objects.annotate(
        count=Count("engines"), ready=Count("engines", filter=answers)
    ).filter(count__gt=0)
    return {
        f"{MODEL}{row.name}": health_of_engines(ready=row.ready, count=row.count)
        for row in rows.order_by("name")
    }


def _lag(now: datetime) -> timedelta:
    """How long usage waits to be in PostgreSQL and in the sums; zero where no journal
    is on this machine, of which nothing can be told.
    """
    up_to = shipped_up_to()
    lags = [timedelta(), now - up_to] if up_to else [timedelta()]
    first = OpenHour.objects.order_by("hour_at").values_list("hour_at", flat=True)
    if oldest := first.first():
        lags.append(now - oldest - _HOUR)
    return max(lags)
