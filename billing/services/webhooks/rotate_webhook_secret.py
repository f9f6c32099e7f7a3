"""Give an endpoint a new secret; the old one signs beside it for a day."""

from datetime import datetime

from django.db import transaction

from billing.models.webhooks import WebhookEndpoint
from billing.services.webhooks.webhook_secret import webhook_secret
from tenants.services.note_act import note_act


@transaction.atomic
def rotate_webhook_secret(endpoint: WebhookEndpoint, *, now: datetime) -> str:
    """The new secret. Rotated again within the day, only the last two sign: a secret
    that is known to others is gone after two rotations.
    """
    found = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    found.secret_number += 1
    found.rotated_at = now
    found.save(update_fields=["secret_number", "rotated_at"])
    note_act(
        "webhook.secret_rotated",
        tenant_id=found.tenant_id,
        about=found,
        words=found.url,
    )
    return webhook_secret(found)
