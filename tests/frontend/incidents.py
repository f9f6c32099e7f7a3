"""Incidents for tests."""

from datetime import datetime

from metering.services.report_incident import report_incident
from metering.status_models import Impact, Incident, Phase


def make_incident(now: datetime, **fields) -> Incident:
    given = {
        "title": "Slow answers",
        "impact": Impact.MINOR,
        "components": ["api"],
        "phase": Phase.INVESTIGATING,
        "text": "We look into it.",
        **fields,
    }
    return report_incident(**given, now=now)
