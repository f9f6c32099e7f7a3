"""Send a test message."""

from datetime import datetime
from uuid import uuid4

from django.utils.translation import gettext

from billing.domain.event_types import PING
from billing.errors import WebhookDisabledError
from billing.models.webhooks import WebhookEndpoint, WebhookMessage
from billing.services.webhooks.emit_event import write_payload


def ping_webhook(endpoint: WebhookEndpoint, *, now: datetime) -> WebhookMessage:
    """A message of the type `ping`, whatever types the endpoint asked for. Raises
    WebhookDisabledError.
    """
    if not endpoint.is_enabled:
        raise WebhookDisabledError(
            gettext("The endpoint is disabled. Enable it first.")
        )
    return WebhookMessage.objects.create(
        tenant_id=endpoint.tenant_id,
        endpoint=endpoint,
        message_id=f"msg_{uuid4().hex}",
        type=PING,
        payload=write_payload(
            PING, {"webhook_endpoint_id": str(endpoint.public_id)}, now
        ),
        created_at=now,
        next_try_at=now,
    )
