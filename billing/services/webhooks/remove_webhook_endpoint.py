"""Take an endpoint away; what was sent stays in the log for a while."""

from datetime import datetime

from django.db import transaction

from billing.models.webhooks import WebhookEndpoint, WebhookMessage


@transaction.atomic
def remove_webhook_endpoint(endpoint: WebhookEndpoint, *, now: datetime) -> None:
    WebhookEndpoint.objects.filter(pk=endpoint.pk, removed_at__isnull=True).update(
        removed_at=now
    )
    waiting = WebhookMessage.objects.filter(endpoint=endpoint)
    waiting.filter(next_try_at__isnull=False).update(next_try_at=None, failed_at=now)
