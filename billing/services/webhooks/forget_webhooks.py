"""Takes away messages that were made long ago, with their tries."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from billing.models.webhooks import (
    ATTEMPTS_KEPT_DAYS,
    WebhookAttempt,
    WebhookMessage,
)

BATCH_MESSAGES = 5_000
MESSAGES_MAX = 100_000
"""In one call, which is one hour's."""


def forget_webhooks(*, now: datetime) -> int:
    """Deletes messages of more than ATTEMPTS_KEPT_DAYS ago, unless they were tried
    since; returns how many. The database refuses to delete younger tries.
    """
    forgotten = 0
    while forgotten < MESSAGES_MAX:
        gone = _forget_batch(now - timedelta(days=ATTEMPTS_KEPT_DAYS))
        forgotten += gone
        if gone < BATCH_MESSAGES:
            break
    return forgotten


def _forget_batch(before: datetime) -> int:
    younger = WebhookAttempt.objects.filter(
        message=OuterRef("pk"), attempted_at__gte=before
    )
    old = WebhookMessage.objects.filter(~Exists(younger), created_at__lt=before)
    batch = list(
        old.order_by("created_at").values_list("pk", flat=True)[:BATCH_MESSAGES]
    )
    WebhookMessage.objects.filter(pk__in=batch).delete()
    return len(batch)
