"""Send messages again."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from billing.models.webhooks import WebhookEndpoint, WebhookMessage


@transaction.atomic
def replay_webhooks(
    endpoint: WebhookEndpoint,
    *,
    now: datetime,
    message_id: str | None = None,
    since: datetime | None = None,
) -> int:
    """How many will be sent again under the ids that they had: the one message, or all
    that were made since. Each is tried as often as a new one.
    """
    messages: QuerySet[WebhookMessage] = endpoint.messages.all()
    if message_id is not None:
        messages = messages.filter(message_id=message_id)
    if since is not None:
        messages = messages.filter(created_at__gte=since)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(rests_until=None)
    return messages.update(
        attempts=0, next_try_at=now, delivered_at=None, failed_at=None
    )
