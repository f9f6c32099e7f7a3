"""Tell a tenant's own systems what happened."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from billing.domain.event_types import EventType
from billing.models.webhooks import WebhookEndpoint, WebhookMessage


def emit_event(
    *,
    tenant_id: int,
    type: str,  # noqa: A002  the word on the wire
    data: dict[str, Any],
    now: datetime,
) -> None:
    """One message for each endpoint of the tenant that asked for events of this type,
    in the caller's transaction: what is rolled back is told to nobody. They are sent
    within seconds of the commit.

    `data` holds what JSON can say, and times. Raises ValueError for a type that is not
    in EventType.
    """
    kind = EventType(type)
    endpoints = list(WebhookEndpoint.objects.subscribed(tenant_id, kind))
    if not endpoints:
        return
    payload = write_payload(kind, data, now)
    WebhookMessage.objects.bulk_create(
        WebhookMessage(
            tenant_id=tenant_id,
            endpoint=endpoint,
            message_id=f"msg_{uuid4().hex}",
            type=kind.value,
            payload=payload,
            created_at=now,
            next_try_at=now,
        )
        for endpoint in endpoints
    )


def write_payload(kind: str, data: dict[str, Any], now: datetime) -> str:
    """`{"type": …, "timestamp": …, "data": {…}}`, as Standard Webhooks recommends."""
    body = {"type": str(kind), "timestamp": now.astimezone(UTC), "data": data}
    return msgspec.json.encode(body).decode()
