"""Change where messages go, which ones, and whether any do."""

from collections.abc import Sequence

from django.db import transaction

from billing.models.webhooks import WebhookEndpoint
from billing.services.webhooks.add_webhook_endpoint import check_endpoint
from tenants.services.note_act import note_act

SWITCHED_OFF = "Switched off by you."


@transaction.atomic
def change_webhook_endpoint(
    endpoint: WebhookEndpoint,
    *,
    url: str,
    description: str,
    types: Sequence[str] | None,
    is_enabled: bool,
) -> WebhookEndpoint:
    """The endpoint as it is to be; what waited while it was disabled goes out once it
    is enabled, at once. Raises InvalidWebhookError.
    """
    check_endpoint(url=url, description=description, types=types)
    found = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    found.url, found.description = url, description
    found.types = None if types is None else sorted(set(types))
    if found.is_enabled != is_enabled:
        found.is_enabled = is_enabled
        found.disabled_reason = "" if is_enabled else SWITCHED_OFF
        found.rests_until = None
    found.save()
    words = url if is_enabled else f"{url}, off"
    note_act("webhook.changed", tenant_id=found.tenant_id, about=found, words=words)
    return found
