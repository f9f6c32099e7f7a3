"""One call's usage event, found by its request id."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from metering.models import UsageEvent

_LONGEST_CALL = timedelta(hours=2)
"""A call is stopped after an hour; the rest is for clocks that differ."""


def read_usage_event(request_id: str, *, project_id: int) -> UsageEvent | None:
    """`request_id` as the `x-request-id` header gave it. None: not the project's, not
    there, or not stored yet.
    """
    try:
        event_id = UUID(request_id.removeprefix("req_"))
        # Its first 48 bits are milliseconds: only the months around are searched.
        made_at = datetime.fromtimestamp((event_id.int >> 80) / 1000, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    near = UsageEvent.objects.between(made_at - _LONGEST_CALL, made_at + _LONGEST_CALL)
    return near.filter(event_id=event_id, project_id=project_id).first()
