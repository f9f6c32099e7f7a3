"""The engines as the operator looks after them: health, versions, restarts, leases, and
whether one that is drained may be stopped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from frontend.operator.engine_looks import find_looks
from inference.lease_models import LeaseState
from inference.models import Engine
from inference.services.look_at_engines import EngineLook
from metering.audit_models import EngineEpoch
from tenants.audit_models import StaffEntry

RESTARTS_OF = timedelta(days=7)
SETTLED_AFTER = timedelta(seconds=5)
"""Proxies know of new routes within a second, and a call they had chosen the engine for
has reached it by then."""
EPOCHS_SHOWN = 20
_HELD = Q(leases__state=LeaseState.HELD)


@dataclass(frozen=True, kw_only=True)
class Lives:
    """Of one engine, as its counters told them."""

    started_at: datetime
    """The present one."""
    is_start_known: bool
    restarts: int
    """In the last days, `RESTARTS_OF`."""


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    engine: Engine
    look: EngineLook | None
    """None: it was not asked, being away."""
    lives: Lives | None
    """None: its counters were never read."""
    leases: int
    tokens: int
    bytes: int
    leases_end_at: datetime | None
    """When the last of them ends; None: it holds none."""
    drained: StaffEntry | None
    """Who drained it, when and why; None: it is not draining, or nobody of the staff
    did it."""
    now: datetime

    @property
    def is_answering(self) -> bool:
        return self.look is not None and self.look.is_answering

    @property
    def running(self) -> int:
        gauges = self.look.gauges if self.look else None
        return gauges.running if gauges else 0

    @property
    def waiting(self) -> int:
        gauges = self.look.gauges if self.look else None
        return gauges.waiting if gauges else 0

    @property
    def is_empty(self) -> bool:
        """It was drained and has no call left: by its own word, some seconds later."""
        if not (self.engine.is_draining and self.is_answering):
            return False
        is_settled = not self.drained or self.now - self.drained.at >= SETTLED_AFTER
        return is_settled and not (self.running or self.waiting)

    @property
    def plugin_version(self) -> str:
        return self.look.leases.plugin_version if self.look and self.look.leases else ""


def find_fleet(*, now: datetime) -> list[EngineFacts]:
    """Three queries, and what the engines say."""
    return _facts(_engines(), now=now)


def find_engine(engine_id: int, *, now: datetime) -> EngineFacts | None:
    found = _facts(_engines().filter(pk=engine_id), now=now)
    return found[0] if found else None


def find_epochs(engine: Engine) -> QuerySet[EngineEpoch]:
    """The latest lives, the newest first, each with `last_read_at`."""
    lives = EngineEpoch.objects.filter(engine_id=engine.pk)
    return lives.annotate(last_read_at=Max("readings__asked_at")).order_by(
        "-started_at"
    )[:EPOCHS_SHOWN]


def is_last_of_its_model(engine: Engine) -> bool:
    """Whether nothing would answer calls of its model if it were drained."""
    others = Engine.objects.filter(
        served_model_id=engine.served_model_id, is_draining=False
    )
    return not others.exclude(pk=engine.pk).exists()


def _engines() -> QuerySet[Engine]:
    return (
        Engine.objects.select_related("served_model")
        .annotate(
            held_leases=Count("leases", filter=_HELD),
            held_tokens=Sum("leases__tokens", filter=_HELD, default=0),
            held_bytes=Sum("leases__bytes", filter=_HELD, default=0),
            held_until_ms=Max("leases__until_ms", filter=_HELD),
        )
        .order_by("name")
    )


def _facts(engines: QuerySet[Engine], *, now: datetime) -> list[EngineFacts]:
    rows = list(engines)
    looks, lives, drained = find_looks(), _lives(now), _drained(rows)
    return [_of(row, looks, lives, drained, now) for row in rows]


def _of(
    row: Engine,
    looks: Mapping[int, EngineLook],
    lives: Mapping[int, Lives],
    drained: Mapping[str, StaffEntry],
    now: datetime,
) -> EngineFacts:
    until_ms = row.held_until_ms  # type: ignore[attr-defined]  # annotated
    return EngineFacts(
        engine=row,
        look=looks.get(row.pk),
        lives=lives.get(row.pk),
        leases=row.held_leases,  # type: ignore[attr-defined]
        tokens=row.held_tokens,  # type: ignore[attr-defined]
        bytes=row.held_bytes,  # type: ignore[attr-defined]
        leases_end_at=(
            None if until_ms is None else datetime.fromtimestamp(until_ms / 1000, UTC)
        ),
        drained=drained.get(str(row.pk)) if row.is_draining else None,
        now=now,
    )


def _lives(now: datetime) -> dict[int, Lives]:
    lately = now - RESTARTS_OF
    newest = EngineEpoch.objects.order_by("engine_id", "-started_at").distinct(
        "engine_id"
    )
    counts = {
        engine_id: number - (first >= lately)
        for engine_id, first, number in EngineEpoch.objects.order_by()
        .values_list("engine_id")
        .annotate(
            first=Min("started_at"),
            number=Count("pk", filter=Q(started_at__gte=lately)),
        )
    }
    return {
        epoch.engine_id: Lives(
            started_at=epoch.started_at,
            is_start_known=epoch.is_start_known,
            restarts=counts.get(epoch.engine_id, 0),
        )
        for epoch in newest
    }


def _drained(engines: list[Engine]) -> dict[str, StaffEntry]:
    """By engine id as text: the latest of each."""
    draining = [str(engine.pk) for engine in engines if engine.is_draining]
    entries = StaffEntry.objects.filter(action="engine.drained", about_id__in=draining)
    newest = entries.order_by("about_id", "-pk").distinct("about_id")
    return {entry.about_id: entry for entry in newest}
