"""Places in a list that is paged by time and id: each page costs the same."""

from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.http import Http404

from metering.models import UsageEventQuerySet

Place = tuple[datetime, UUID]


def write_place(at: datetime, event_id: UUID) -> str:
    return f"{at.isoformat()}_{event_id.hex}"


def read_place(text: str) -> Place | None:
    """None: the list's begin. Raises Http404 for what no page ever linked to."""
    if not text:
        return None
    at, _, event_id = text.partition("_")
    try:
        place = datetime.fromisoformat(at.replace(" ", "+")), UUID(event_id)
    except ValueError:
        raise Http404 from None
    if place[0].tzinfo is None:
        raise Http404
    return place


def calls_behind(events: UsageEventQuerySet, after: Place | None) -> UsageEventQuerySet:
    if after is None:
        return events
    at, event_id = after
    return events.filter(happened_at__lte=at).filter(
        Q(happened_at__lt=at) | Q(event_id__gt=event_id)
    )
