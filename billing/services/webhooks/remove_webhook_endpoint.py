"""Take an endpoint away; what was sent stays in the log for a while."""

from datetime import datetime

from django.db import transaction

from billing.models.webhooks import WebhookEndpoint, WebhookMessage
from tenants.services.note_act import note_act


@transaction.atomic
def remove_webhook_endpoint(endpoint: WebhookEndpoint, *, now: datetime) -> None:
    mine = WebhookEndpoint.objects.filter(pk=endpoint.pk, removed_at__isnull=True)
    if mine.update(removed_at=now):
        note_act(
            "webhook.removed",
            tenant_id=endpoint.tenant_id,
            about=endpoint,
            words=endpoint.url,
        )
    waiting = WebhookMessage.objects.filter(endpoint=endpoint)
    waiting.filter(next_try_at__isnull=False).update(next_try_at=None, failed_at=now)
