"""Staff tell the public of an incident, say more of it, and end it."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from metering.status_models import Impact, Incident, IncidentUpdate, Phase
from tenants.services.note_staff_act import note_staff_act


@transaction.atomic
def report_incident(
    *,
    title: str,
    impact: Impact,
    components: Sequence[str],
    phase: Phase,
    text: str,
    now: datetime,
) -> Incident:
    incident = Incident.objects.create(
        title=title, impact=impact, components=list(components), started_at=now
    )
    update_incident(incident, phase=phase, text=text, now=now)
    return incident


@transaction.atomic
def update_incident(
    incident: Incident, *, phase: Phase, text: str, now: datetime
) -> IncidentUpdate:
    """Resolved ends it; anything else, said later, opens it again."""
    locked = Incident.objects.select_for_update().get(pk=incident.pk)
    if phase != Phase.RESOLVED:
        locked.resolved_at = None
    elif locked.resolved_at is None:
        locked.resolved_at = now
    locked.save(update_fields=["resolved_at"])
    words = f"{locked.title}: {phase}, {text}"
    note_staff_act("incident.told", about=locked, words=words)
    return locked.updates.create(at=now, phase=phase, text=text)
