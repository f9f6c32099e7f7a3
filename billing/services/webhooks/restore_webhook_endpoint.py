"""Take the removal of an endpoint back, and send what waited for it."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext

from billing.errors import InvalidWebhookError, TooManyWebhooksError
from billing.models.webhooks import WebhookEndpoint, WebhookMessage
from billing.services.ledger.lock_tenant import lock_tenant
from billing.services.webhooks.add_webhook_endpoint import ENDPOINTS_MAX
from tenants.models import Tenant
from tenants.services.note_act import note_act


@transaction.atomic
def restore_webhook_endpoint(
    *, tenant: Tenant, endpoint_id: int, removed_at: datetime, now: datetime
) -> WebhookEndpoint:
    """Undoes the removal of that moment: what was given up by it is due again. What
    happened since is not told. Raises InvalidWebhookError and TooManyWebhooksError.
    """
    lock_tenant(tenant.pk)
    mine = WebhookEndpoint.objects.filter(tenant=tenant, pk=endpoint_id)
    endpoint = mine.filter(removed_at=removed_at).first()
    if endpoint is None:
        raise InvalidWebhookError(gettext("There is no such endpoint."), field="url")
    if tenant.webhook_endpoints.in_use().count() >= ENDPOINTS_MAX:
        raise TooManyWebhooksError(
            gettext("There are %(ENDPOINTS_MAX)s endpoints already. Remove one first.")
            % {"ENDPOINTS_MAX": ENDPOINTS_MAX}
        )
    endpoint.removed_at = None
    endpoint.save(update_fields=["removed_at"])
    waited = WebhookMessage.objects.filter(endpoint=endpoint, failed_at=removed_at)
    waited.update(next_try_at=now, failed_at=None)
    note_act(
        "webhook.restored", tenant_id=tenant.pk, about=endpoint, words=endpoint.url
    )
    return endpoint
