"""What the public status page tells: components, their last 90 days, and incidents."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import Prefetch, Q
from django.utils.translation import gettext as _

from metering.domain.components import (
    API,
    FRESH_FOR,
    MODEL,
    PORTAL,
    USAGE,
    Health,
    percent_up,
)
from metering.status_models import ComponentDay, Incident, IncidentUpdate

DAYS = 90
INCIDENT_DAYS = 90
INCIDENTS_MAX = 20
_ORDER = {API: 0, PORTAL: 2, USAGE: 3}
_MODELS_AT = 1
_WORST = (Health.DOWN, Health.DEGRADED, Health.UP)


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One UTC day."""

    day: date
    health: Health | None
    """The worst of the day; None: it was not probed."""
    percent: str
    """Of the probes that were answered; empty: none."""


@dataclass(frozen=True, kw_only=True)
class Component:
    name: str
    title: str
    health: Health | None
    """Now; None: not known, since it was not probed lately."""
    percent: str
    """Over all of the days; empty: never probed."""
    bars: list[Bar]
    """The oldest first; as many as DAYS."""

    @property
    def disturbed(self) -> list[Bar]:
        """The latest first."""
        bad = {Health.DOWN, Health.DEGRADED}
        return [bar for bar in reversed(self.bars) if bar.health in bad]


@dataclass(frozen=True, kw_only=True)
class StatusPage:
    components: list[Component]
    open_incidents: list[Incident]
    past_incidents: list[Incident]

    @property
    def health(self) -> Health | None:
        """The worst of what is known."""
        return worst(component.health for component in self.components)


def title_of(component: str) -> str:
    titles = {API: _("API"), PORTAL: _("Portal"), USAGE: _("Usage and billing")}
    if component.startswith(MODEL):
        return _("Model %(name)s") % {"name": component.removeprefix(MODEL)}
    return titles.get(component, component)


def worst(healths: Iterable[Health | None]) -> Health | None:
    found = set(healths)
    return next((one for one in _WORST if one in found), None)


def read_status(*, now: datetime) -> StatusPage:
    """Two queries for components, however many; and those of incidents."""
    today = now.astimezone(UTC).date()
    begin = today - timedelta(days=DAYS - 1)
    rows: dict[str, dict[date, ComponentDay]] = defaultdict(dict)
    for row in ComponentDay.objects.filter(day__gte=begin, day__lte=today):
        rows[row.component][row.day] = row
    days = [begin + timedelta(days=number) for number in range(DAYS)]
    found = [_component(name, mine, days, now) for name, mine in rows.items()]
    return StatusPage(
        components=sorted(found, key=_place),
        open_incidents=list(incidents().filter(resolved_at=None)),
        past_incidents=list(
            incidents().filter(
                Q(resolved_at__isnull=False),
                started_at__gt=now - timedelta(days=INCIDENT_DAYS),
            )[:INCIDENTS_MAX]
        ),
    )


def incidents() -> Any:
    """The newest first, each with what was said of it, the latest first."""
    updates = IncidentUpdate.objects.order_by("-at", "-pk")
    rows = Incident.objects.order_by("-started_at", "-pk")
    return rows.prefetch_related(Prefetch("updates", queryset=updates))


def _place(component: Component) -> tuple[int, str]:
    return _ORDER.get(component.name, _MODELS_AT), component.name


def _component(
    name: str, rows: dict[date, ComponentDay], days: list[date], now: datetime
) -> Component:
    latest = rows[max(rows)]
    is_fresh = now - latest.probed_at <= FRESH_FOR
    return Component(
        name=name,
        title=title_of(name),
        health=Health(latest.health) if is_fresh else None,
        percent=percent_up(
            probes=sum(row.probes for row in rows.values()),
            failed=sum(row.failed for row in rows.values()),
        ),
        bars=[_bar(day, rows.get(day)) for day in days],
    )


def _bar(day: date, row: ComponentDay | None) -> Bar:
    if row is None:
        return Bar(day=day, health=None, percent="")
    health = Health.DEGRADED if row.degraded else Health.UP
    return Bar(
        day=day,
        health=Health.DOWN if row.failed else health,
        percent=percent_up(probes=row.probes, failed=row.failed),
    )


def status_document(page: StatusPage, *, now: datetime) -> dict[str, Any]:
    """The page's twin for programs; names and states are stable."""
    return {
        "at": now.isoformat(),
        "status": page.health or "unknown",
        "components": [
            {
                "id": one.name,
                "name": one.title,
                "status": one.health or "unknown",
                "uptime_percent": one.percent or None,
                "days": [
                    {
                        "day": bar.day.isoformat(),
                        "status": bar.health or "unknown",
                        "uptime_percent": bar.percent or None,
                    }
                    for bar in one.bars
                ],
            }
            for one in page.components
        ],
        "incidents": [
            _incident(one) for one in (*page.open_incidents, *page.past_incidents)
        ],
    }


def _incident(incident: Incident) -> dict[str, Any]:
    ended = incident.resolved_at
    return {
        "id": incident.pk,
        "title": incident.title,
        "impact": incident.impact,
        "components": incident.components,
        "started_at": incident.started_at.isoformat(),
        "resolved_at": ended.isoformat() if ended else None,
        "updates": [
            {"at": one.at.isoformat(), "status": one.phase, "text": one.text}
            for one in incident.updates.all()
        ],
    }
